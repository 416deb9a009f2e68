// kafkajs as a connection to Event Hubs is made: TLS, a namespace's host name, its connection string. Prints one JSON line.
//     node hub_kafka_tls.js PORT TOPIC CA.PEM USER PASSWORD [MECHANISM]
// The host name is looked up nowhere: every connection goes to this machine, under its name.
const fs = require("fs");
const tls = require("tls");
const { Kafka, logLevel } = require("kafkajs");

const [port, topic, ca, username, password, mechanism = "plain"] = process.argv.slice(2);
const hosts = new Set();
const kafka = new Kafka({
  clientId: "js", brokers: [`shop.servicebus.windows.net:${port}`], ssl: { ca: [fs.readFileSync(ca)] },
  sasl: mechanism === "oauthbearer" ? { mechanism, oauthBearerProvider: async () => ({ value: password }) } : { mechanism, username, password },
  logLevel: logLevel.ERROR, retry: { retries: 1 },
  socketFactory: ({ host, port, ssl, onConnect }) => {
    hosts.add(host);
    return tls.connect({ ...ssl, host: "127.0.0.1", port, servername: host }, onConnect);
  },
});

async function main() {
  const producer = kafka.producer();
  await producer.connect();
  const big = "y".repeat(300000);
  await producer.send({ topic, messages: [{ value: "small", partition: 0 }, { value: big, partition: 0 }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: `${topic}-tls` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const lengths = [];
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${lengths.length} of 2 came`)), 60000).unref();
    consumer.run({ eachMessage: async ({ message }) => lengths.push(message.value.length) === 2 && resolve() }).catch(reject);
  });
  await consumer.disconnect();
  console.log(JSON.stringify({ lengths, hosts: [...hosts] }));
}

main().then(() => process.exit(0), (e) => {
  console.error(e);
  process.exit(1);
});
