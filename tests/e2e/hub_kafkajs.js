// kafkajs against a hub: admin, produce (all acks, gzip), consume in a group, offsets. Prints one JSON line.
const { Kafka, CompressionTypes, logLevel } = require("kafkajs");

const [address, topic] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "js", brokers: [address], logLevel: logLevel.ERROR });

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  const extra = `${topic}-js`;
  await admin.createTopics({ topics: [{ topic: extra, numPartitions: 2 }] });
  if (!(await admin.listTopics()).includes(extra)) throw new Error("topic is not listed");
  await admin.deleteTopics({ topics: [extra] });

  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let sent = 0;
  for (let i = 0; i < 10; i++) {
    const messages = [];
    for (let j = 0; j < 100; j++) messages.push({ key: `k${j % 7}`, value: `${sent++}`, headers: { h: "v" } });
    await producer.send({ topic, messages, acks: -1, compression: i % 2 ? CompressionTypes.GZIP : CompressionTypes.None });
  }
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId: `${topic}-group` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen = new Set();
  let headers, group;
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`only ${seen.size} of ${sent} came`)), 60000).unref();
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        seen.add(message.value.toString());
        headers = Object.fromEntries(Object.entries(message.headers).map(([k, v]) => [k, v.toString()]));
        if (seen.size === sent) {
          group = (await admin.describeGroups([`${topic}-group`])).groups[0].state;
          resolve();
        }
      },
    }).catch(reject);
  });
  await consumer.commitOffsets([{ topic, partition: 0, offset: "5", metadata: "note é\u0000 and on" }]);
  const metadata = (await admin.fetchOffsets({ groupId: `${topic}-group`, topics: [topic] }))[0].partitions.find((p) => p.partition === 0).metadata;
  await consumer.stop();
  await consumer.disconnect();
  const earliest = await committedEarliest(topic);
  const offsets = await admin.fetchOffsets({ groupId: `${topic}-group`, topics: [topic] });
  const committed = offsets[0].partitions.reduce((n, p) => n + Math.max(0, Number(p.offset)), 0);
  await admin.disconnect();
  console.log(JSON.stringify({ sent, received: seen.size, headers, group, committed, metadata, earliest }));
}

/* kafkajs commits -2 for a consumer that fell out of the log and begins anew. */
async function committedEarliest(topic) {
  const consumer = kafka.consumer({ groupId: `${topic}-out` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const first = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("nothing came after an offset out of range")), 60000).unref();
    consumer.run({ eachMessage: async ({ message }) => resolve(message.offset) }).catch(reject);
    for (let partition = 0; partition < 3; partition++) consumer.seek({ topic, partition, offset: "100000" });
  });
  await consumer.disconnect();
  return first;
}

main().catch((e) => { console.error(e); process.exit(1); });
