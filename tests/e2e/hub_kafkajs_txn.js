// kafkajs in transactions against a hub: commit, abort, offsets. Prints one JSON line.
const { Kafka, logLevel } = require("kafkajs");

const [address, topic] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "js", brokers: [address], logLevel: logLevel.ERROR });

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  const producer = kafka.producer({ transactionalId: "js-id", maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const groupId = `${topic}-js`;
  for (let i = 0; i < 4; i++) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [0, 1, 2, 3, 4].map((n) => ({ key: "k", value: `${i}-${n}`, partition: 0 })) });
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition: 0, offset: `${i + 1}` }] }] });
    await (i % 2 ? transaction.abort() : transaction.commit());
  }
  await producer.disconnect();
  const offset = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions.find((p) => p.partition === 0).offset;

  const read = async (readUncommitted) => {
    const consumer = kafka.consumer({ groupId: `${topic}-${readUncommitted}`, readUncommitted });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen = [], want = readUncommitted ? 20 : 10;
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`only ${seen} came`)), 60000).unref();
      consumer.run({ eachMessage: async ({ message }) => { if (seen.push(message.value.toString()) === want) resolve(); } }).catch(reject);
    });
    await consumer.disconnect();
    return seen.sort();
  };
  const committed = await read(false), all = await read(true);
  await admin.disconnect();
  console.log(JSON.stringify({ offset, committed, all: all.length }));
}

main().catch((e) => { console.error(e); process.exit(1); });
