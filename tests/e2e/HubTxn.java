// The Java client in transactions against a hub: commits, aborts, offsets, a fenced producer, and what the admin client
// tells of them. Prints one JSON line.
//     java -cp 'kafka/*' HubTxn.java ADDRESS TOPIC
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class HubTxn {
    static String address, topic;

    static Producer<String, String> producer(String id) {
        Map<String, Object> c = Map.of("bootstrap.servers", address, "transactional.id", id, "transaction.timeout.ms", 30000);
        Producer<String, String> p = new KafkaProducer<>(new HashMap<>(c), new StringSerializer(), new StringSerializer());
        p.initTransactions();
        return p;
    }

    static Consumer<String, String> consumer(String level, String group) {
        Map<String, Object> c = Map.of("bootstrap.servers", address, "isolation.level", level, "group.id", group, "auto.offset.reset", "earliest",
            "enable.auto.commit", false);
        return new KafkaConsumer<>(new HashMap<>(c), new StringDeserializer(), new StringDeserializer());
    }

    static int count(String level) {
        try (Consumer<String, String> c = consumer(level, "count")) {
            TopicPartition at = new TopicPartition(topic, 0);
            c.assign(List.of(at));
            c.seekToBeginning(List.of(at));
            long end = c.endOffsets(List.of(at)).get(at), until = System.nanoTime() + 60_000_000_000L;
            int n = 0;
            while (c.position(at) < end && System.nanoTime() < until) n += c.poll(Duration.ofMillis(100)).count();
            return n;
        }
    }

    static void send(Producer<String, String> p, int n) throws Exception {
        for (int i = 0; i < n; i++) p.send(new ProducerRecord<>(topic, 0, "k" + i, "v" + i));
        p.flush();
    }

    public static void main(String[] args) throws Exception {
        address = args[0];
        topic = args[1];
        StringBuilder out = new StringBuilder("{");
        Admin admin = Admin.create(Map.of("bootstrap.servers", address));
        Producer<String, String> p = producer("java-id");
        for (int i = 0; i < 4; i++) {
            p.beginTransaction();
            send(p, 50);
            if (i == 2) p.abortTransaction();
            else p.commitTransaction();
        }
        // Of the second protocol of transactions: each end gave it an epoch.
        out.append("\"epoch\":").append(admin.describeTransactions(List.of("java-id")).description("java-id").get().producerEpoch()).append(",");
        out.append("\"committed\":").append(count("read_committed")).append(",\"all\":").append(count("read_uncommitted"));

        try (Consumer<String, String> c = consumer("read_committed", "java-copy")) {
            c.subscribe(List.of(topic));
            for (long end = System.nanoTime() + 60_000_000_000L; c.assignment().isEmpty() && System.nanoTime() < end;) c.poll(Duration.ofMillis(100));
            p.beginTransaction();
            p.sendOffsetsToTransaction(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(17, "seventeen")), c.groupMetadata());
            p.commitTransaction();
            OffsetAndMetadata at = c.committed(Set.of(new TopicPartition(topic, 0))).get(new TopicPartition(topic, 0));
            out.append(",\"offset\":").append(at.offset()).append(",\"metadata\":\"").append(at.metadata()).append("\"");
        }

        p.beginTransaction();
        send(p, 5);
        TransactionDescription d = admin.describeTransactions(List.of("java-id")).description("java-id").get();
        out.append(",\"state\":\"").append(d.state()).append("\",\"timeout\":").append(d.transactionTimeoutMs()).append(",\"partitions\":").append(d.topicPartitions().size());
        boolean listed = admin.listTransactions(new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING))).all().get().stream()
            .anyMatch(t -> t.transactionalId().equals("java-id") && t.producerId() == d.producerId());
        boolean old = admin.listTransactions(new ListTransactionsOptions().filterOnDuration(3_600_000)).all().get().isEmpty();
        ProducerState s = admin.describeProducers(List.of(new TopicPartition(topic, 0))).partitionResult(new TopicPartition(topic, 0)).get().activeProducers()
            .stream().filter(x -> x.producerId() == d.producerId()).findFirst().get();
        out.append(",\"listed\":").append(listed).append(",\"none_for_an_hour\":").append(old).append(",\"open\":").append(s.currentTransactionStartOffset().isPresent());
        String unknown = "";
        try {
            admin.describeTransactions(List.of("nobody")).description("nobody").get();
        } catch (java.util.concurrent.ExecutionException e) {
            unknown = e.getCause().getClass().getSimpleName();
        }
        out.append(",\"unknown\":\"").append(unknown).append("\"");

        Producer<String, String> q = producer("java-id"); // aborts what p left open
        String fenced = "";
        try {
            p.commitTransaction();
        } catch (ProducerFencedException | InvalidProducerEpochException e) {
            fenced = e.getClass().getSimpleName();
        }
        q.beginTransaction();
        send(q, 1);
        q.commitTransaction();
        admin.fenceProducers(List.of("java-id")).all().get();
        String closed = "";
        try {
            q.beginTransaction();
            send(q, 1);
            q.commitTransaction();
        } catch (Exception e) {
            closed = e.getClass().getSimpleName();
        }
        out.append(",\"fenced\":").append(!fenced.isEmpty()).append(",\"fenced_by_admin\":").append(!closed.isEmpty());
        out.append(",\"after\":").append(count("read_committed"));
        System.out.println(out + "}");
        System.exit(0);
    }
}
