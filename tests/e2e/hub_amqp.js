// @azure/event-hubs against a hub: properties, batches, keys, every body, positions, epochs, an event processor whose
// checkpoints lie in Blob storage. Prints one JSON line.
//     node hub_amqp.js AMQP_PORT HUB [BLOB_CONNECTION_STRING]
const { EventHubProducerClient, EventHubConsumerClient, earliestEventPosition, latestEventPosition } = require("@azure/event-hubs");
const { mapPartitionKeyToId } = requireMapper();

const [port, hub, blob] = process.argv.slice(2);
const text = `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=any;UseDevelopmentEmulator=true;EntityPath=${hub}`;

function requireMapper() {
  const path = require("path");
  const root = path.dirname(require.resolve("@azure/event-hubs/package.json"));
  return require(path.join(root, "dist", "commonjs", "impl", "partitionKeyToIdMapper.js"));
}

function check(condition, what) {
  if (!condition) throw new Error(what);
}

// The first `count` events that a subscription gives.
function receive(client, count, options, partition) {
  return new Promise((resolve, reject) => {
    const got = [];
    const timer = setTimeout(() => reject(new Error(`${got.length} of ${count} events`)), 60000);
    const handlers = {
      processEvents: async (events, context) => {
        for (const e of events) got.push({ partition: context.partitionId, event: e, last: context.lastEnqueuedEventProperties, context });
        if (got.length >= count) {
          clearTimeout(timer);
          resolve(got);
        }
      },
      processError: async (e) => {
        clearTimeout(timer);
        reject(e);
      },
    };
    const s = partition ? client.subscribe(partition, handlers, options) : client.subscribe(handlers, options);
    got.subscription = s;
  });
}

async function sendAll(result) {
  const producer = new EventHubProducerClient(text);
  const properties = await producer.getEventHubProperties();
  check(properties.name === hub && properties.partitionIds.length === 4, "hub properties");
  const batch = await producer.createBatch({ partitionKey: "k1" });
  check(batch.maxSizeInBytes === 1 << 20, "size of a batch");
  check(batch.tryAdd({ body: "text", contentType: "text/plain", messageId: "m1", correlationId: 7,
    properties: { int: 1, text: "x", yes: true, when: new Date(5), real: 1.5 } }), "first");
  check(batch.tryAdd({ body: { json: [1, null] } }), "second");
  await producer.sendBatch(batch);
  await producer.sendBatch([{ body: Buffer.from([0, 255]) }, { bodyType: "value", body: { v: 5 } }, { bodyType: "sequence", body: [[1, "a"]] }], { partitionId: "1" });
  for (const k of ["a", "key-7", "ä€", "0123456789ab", "0123456789abc"]) await producer.sendBatch([{ body: k }], { partitionKey: k });
  const one = await producer.getPartitionProperties("1");
  check(one.lastEnqueuedSequenceNumber >= 2 && !one.isEmpty, "partition properties");
  const late = await producer.createBatch({ partitionId: "0", maxSizeInBytes: 1000 });
  check(!late.tryAdd({ body: "x".repeat(2000) }), "a batch that is full");
  await producer.close();
  result.sent = 10;
}

async function readAll(result) {
  const consumer = new EventHubConsumerClient("$Default", text);
  const got = await receive(consumer, 10, { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true });
  await got.subscription.close();
  const by = (f) => got.filter(({ event }) => f(event));
  const [first] = by((e) => e.body === "text");
  check(first.event.partitionKey === "k1" && first.event.messageId === "m1" && first.event.correlationId === 7 && first.event.contentType === "text/plain", "properties");
  const p = first.event.properties;
  check(p.int === 1 && p.text === "x" && p.yes === true && p.real === 1.5, "application properties");
  check(first.event.offset === String(first.event.sequenceNumber) && Date.now() - first.event.enqueuedTimeUtc < 600000, "system properties");
  check(first.last && first.last.sequenceNumber >= 1, "last enqueued");
  check(by((e) => e.body && e.body.json && e.body.json[1] === null).length === 1, "JSON");
  check(by((e) => Buffer.isBuffer(e.body) && e.body.equals(Buffer.from([0, 255]))).length === 1, "bytes");
  check(by((e) => e.body && e.body.v === 5).length === 1, "a value");
  check(by((e) => Array.isArray(e.body) && e.body[0][1] === "a").length === 1, "a sequence");
  for (const { partition, event } of got)
    if (event.partitionKey) check(Number(partition) === mapPartitionKeyToId(event.partitionKey, 4), `the partition of ${event.partitionKey}`);
  const some = await receive(consumer, 1, { startPosition: { sequenceNumber: 1, isInclusive: true } }, "1");
  check(some[0].event.sequenceNumber === 1, "from a sequence number");
  await some.subscription.close();
  await consumer.close();
  result.received = got.length;
}

async function epochs(result) {
  const consumers = [new EventHubConsumerClient("owners", text), new EventHubConsumerClient("owners", text)];
  const stolen = new Promise((resolve) => {
    consumers[0].subscribe("1", { processEvents: async (events) => {
      if (events.length && !result.low) {
        result.low = true;
        consumers[1].subscribe("1", { processEvents: async () => {}, processError: async () => {} }, { ownerLevel: 9, startPosition: earliestEventPosition });
      }
    }, processError: async (e) => resolve(e.code) }, { ownerLevel: 2, startPosition: earliestEventPosition });
  });
  result.stolen = await stolen;
  check(result.stolen === "ReceiverDisconnectedError", result.stolen);
  await Promise.all(consumers.map((c) => c.close()));
}

async function processor(result) {
  const { ContainerClient } = require("@azure/storage-blob");
  const { BlobCheckpointStore } = require("@azure/eventhubs-checkpointstore-blob");
  const container = new ContainerClient(blob, `checkpoints-${hub}`.toLowerCase());
  await container.createIfNotExists();
  const store = new BlobCheckpointStore(container);
  const soon = { loadBalancingOptions: { strategy: "greedy", updateIntervalInMs: 500, partitionOwnershipExpirationIntervalInMs: 5000 } };
  const first = new EventHubConsumerClient("$Default", text, store, soon);
  const got = await receive(first, 10, { startPosition: earliestEventPosition });
  const last = new Map();
  for (const g of got) last.set(g.partition, g);
  for (const g of last.values()) await g.context.updateCheckpoint(g.event);
  await got.subscription.close();
  await first.close();

  const producer = new EventHubProducerClient(text);
  await producer.sendBatch([{ body: "after the checkpoint" }], { partitionId: "1" });
  await producer.close();
  const second = new EventHubConsumerClient("$Default", text, store, soon);
  const more = await receive(second, 1, { startPosition: latestEventPosition });
  check(more.length === 1 && more[0].event.body === "after the checkpoint", `again: ${JSON.stringify(more.map((m) => m.event.body))}`);
  await more.subscription.close();
  await second.close();
  result.checkpoints = last.size;
}

async function main() {
  const result = {};
  await sendAll(result);
  await readAll(result);
  await epochs(result);
  if (blob) await processor(result);
  console.log(JSON.stringify(result));
}

main().then(() => process.exit(0), (e) => {
  console.error(e);
  process.exit(1);
});
