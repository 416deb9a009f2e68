// The Java client against a hub, over TLS: produces, consumes in a group, sets and meets quotas. Prints one JSON line.
//     java -cp kafka-clients.jar:slf4j-api.jar HubClient.java ADDRESS CA.PEM TOPIC MECHANISM USER PASSWORD
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.serialization.*;

public class HubClient {
    static String mechanism, user, password;

    static Map<String, Object> conf(String address, String ca, Object... more) {
        Map<String, Object> c = new HashMap<>();
        c.put("bootstrap.servers", address);
        c.put("security.protocol", "SASL_SSL");
        c.put("ssl.truststore.type", "PEM");
        c.put("ssl.truststore.location", ca);
        c.put("sasl.mechanism", mechanism);
        String module = mechanism.startsWith("SCRAM") ? "scram.ScramLoginModule" : "plain.PlainLoginModule";
        c.put("sasl.jaas.config", "org.apache.kafka.common.security." + module + " required username=\"" + user + "\" password=\"" + password + "\";");
        for (int i = 0; i < more.length; i += 2) c.put((String) more[i], more[i + 1]);
        return c;
    }

    static double metric(Map<MetricName, ? extends Metric> all, String name) {
        double found = 0;
        for (Map.Entry<MetricName, ? extends Metric> e : all.entrySet())
            if (e.getKey().name().equals(name) && e.getValue().metricValue() instanceof Double d && !d.isNaN()) found = Math.max(found, d);
        return found;
    }

    static ClientQuotaEntity entity(String... parts) {
        Map<String, String> m = new HashMap<>();
        for (int i = 0; i < parts.length; i += 2) m.put(parts[i], parts[i + 1]);
        return new ClientQuotaEntity(m);
    }

    static ClientQuotaAlteration change(ClientQuotaEntity e, String rate, Double value) {
        return new ClientQuotaAlteration(e, List.of(new ClientQuotaAlteration.Op(rate, value)));
    }

    static String refusal(Admin admin, ClientQuotaAlteration change) throws Exception {
        try {
            admin.alterClientQuotas(List.of(change)).all().get();
            return "";
        } catch (ExecutionException e) {
            return e.getCause() instanceof InvalidRequestException ? e.getCause().getMessage() : e.toString();
        }
    }

    public static void main(String[] args) throws Exception {
        String address = args[0], ca = args[1], topic = args[2];
        mechanism = args[3];
        user = args[4];
        password = args[5];
        StringBuilder out = new StringBuilder("{");
        byte[] value = new byte[100_000];
        try (Producer<byte[], byte[]> p = new KafkaProducer<>(conf(address, ca, "client.id", "free"), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < 20; i++) p.send(new ProducerRecord<>(topic, 0, null, value)).get();
            out.append("\"throttled_free\":").append(metric(p.metrics(), "produce-throttle-time-max") > 0);
        }
        try (Consumer<byte[], byte[]> c = new KafkaConsumer<>(conf(address, ca, "group.id", topic + "-java", "auto.offset.reset", "earliest"),
                new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            c.subscribe(List.of(topic));
            int got = 0;
            for (long end = System.nanoTime() + 60_000_000_000L; got < 20 && System.nanoTime() < end;) got += c.poll(Duration.ofMillis(200)).count();
            c.commitSync();
            out.append(",\"received\":").append(got);
        }
        try (Admin admin = Admin.create(conf(address, ca))) {
            ClientQuotaEntity slow = entity("client-id", "slow"), both = entity("user", null, "client-id", "slow-reader"), gone = entity("user", "gone");
            admin.alterClientQuotas(List.of(change(slow, "producer_byte_rate", 40_000.0), change(both, "consumer_byte_rate", 50_000.0),
                change(gone, "consumer_byte_rate", 1.5))).all().get();
            admin.alterClientQuotas(List.of(change(gone, "consumer_byte_rate", null))).all().get();
            admin.alterClientQuotas(List.of(change(slow, "producer_byte_rate", 1.0)), new AlterClientQuotasOptions().validateOnly(true)).all().get();
            Map<ClientQuotaEntity, Map<String, Double>> all = admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get();
            Map<ClientQuotaEntity, Map<String, Double>> some = admin.describeClientQuotas(ClientQuotaFilter.containsOnly(List.of(
                ClientQuotaFilterComponent.ofEntity("client-id", "slow")))).entities().get();
            Map<ClientQuotaEntity, Map<String, Double>> defaults = admin.describeClientQuotas(ClientQuotaFilter.contains(List.of(
                ClientQuotaFilterComponent.ofDefaultEntity("user")))).entities().get();
            out.append(",\"quotas\":").append(all.equals(Map.of(slow, Map.of("producer_byte_rate", 40_000.0), both, Map.of("consumer_byte_rate", 50_000.0)))
                && some.keySet().equals(Set.of(slow)) && defaults.keySet().equals(Set.of(both)));
            out.append(",\"refused\":[\"").append(refusal(admin, change(slow, "request_percentage", 5.0))).append("\",\"")
                .append(refusal(admin, change(entity("ip", "127.0.0.1"), "connection_creation_rate", 5.0))).append("\",\"")
                .append(refusal(admin, change(slow, "producer_byte_rate", -1.0))).append("\"]");
            ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, "java-rule", PatternType.PREFIXED);
            AclBinding rule = new AclBinding(pattern, new AccessControlEntry("User:java", "*", AclOperation.READ, AclPermissionType.ALLOW));
            admin.createAcls(List.of(rule)).all().get();
            Collection<AclBinding> found = admin.describeAcls(new AclBindingFilter(new ResourcePatternFilter(ResourceType.TOPIC, "java-rule-9", PatternType.MATCH),
                AccessControlEntryFilter.ANY)).values().get();
            int deleted = admin.deleteAcls(List.of(rule.toFilter())).all().get().size();
            out.append(",\"rules\":").append(found.contains(rule) && deleted == 1);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("java-user", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), "pw"))).all().get();
            out.append(",\"users\":").append(admin.describeUserScramCredentials(List.of("java-user")).all().get().size());
        }
        try (Producer<byte[], byte[]> p = new KafkaProducer<>(conf(address, ca, "client.id", "slow"), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < 5; i++) p.send(new ProducerRecord<>(topic, 0, null, value)).get(); /* ten seconds' worth is 400 kB */
            out.append(",\"produce_throttle_ms\":").append((long) metric(p.metrics(), "produce-throttle-time-max"));
        }
        try (Consumer<byte[], byte[]> c = new KafkaConsumer<>(conf(address, ca, "client.id", "slow-reader", "max.partition.fetch.bytes", 150_000),
                new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            c.assign(List.of(new TopicPartition(topic, 0)));
            c.seekToBeginning(c.assignment());
            double most = 0;
            for (long end = System.nanoTime() + 60_000_000_000L; most <= 500 && System.nanoTime() < end;) { // the first may be over by little
                c.poll(Duration.ofMillis(200));
                most = metric(c.metrics(), "fetch-throttle-time-max");
            }
            out.append(",\"fetch_throttle_ms\":").append((long) most);
        }
        System.out.println(out.append("}"));
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
