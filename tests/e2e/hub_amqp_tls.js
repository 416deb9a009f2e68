// @azure/event-hubs over TLS, and over WebSocket in TLS, with a key. Prints one JSON line.
//     node hub_amqp_tls.js PORT HUB KEY
const { EventHubProducerClient, EventHubConsumerClient, earliestEventPosition } = require("@azure/event-hubs");
const WebSocket = require("ws");

const [port, hub, key] = process.argv.slice(2);
const text = `Endpoint=sb://localhost:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${key};EntityPath=${hub}`;

async function roundTrip(partition, options) {
  const producer = new EventHubProducerClient(text, options);
  await producer.sendBatch([{ body: "small" }, { body: "y".repeat(300000) }], { partitionId: partition });
  await producer.close();
  const consumer = new EventHubConsumerClient("$Default", text, options);
  const lengths = [];
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${lengths.length} of 2 events`)), 60000).unref();
    consumer.subscribe(partition, { processEvents: async (events) => {
      for (const e of events) lengths.push(e.body.length);
      if (lengths.length === 2) resolve();
    }, processError: async (e) => reject(e) }, { startPosition: earliestEventPosition });
  });
  await consumer.close();
  return lengths;
}

async function main() {
  const tls = await roundTrip("0", {});
  const websocket = await roundTrip("1", { webSocketOptions: { webSocket: WebSocket } });
  console.log(JSON.stringify({ tls, websocket }));
}

main().then(() => process.exit(0), (e) => {
  console.error(e);
  process.exit(1);
});
