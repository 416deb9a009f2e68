// @azure/storage-blob, unmodified, against the storage endpoint: node storage_blob.js CONNECTION_STRING
// Prints one JSON line of what it saw.
"use strict";
const { BlobServiceClient } = require("@azure/storage-blob");

async function main(connection) {
  const service = BlobServiceClient.fromConnectionString(connection);
  const container = service.getContainerClient("js" + Date.now().toString(36));
  await container.create({ metadata: { made: "js" } });
  const blob = container.getBlockBlobClient("dir/a ü.txt");
  await blob.upload("hello", 5, { blobHTTPHeaders: { blobContentType: "text/plain" }, tags: { k: "v" } });
  const large = container.getBlockBlobClient("large");
  await large.uploadData(Buffer.alloc(6 << 20, 7), { blockSize: 2 << 20, concurrency: 3, maxSingleShotSize: 1 << 20 });
  const append = container.getAppendBlobClient("log");
  await append.create();
  await append.appendBlock("one", 3);
  await append.appendBlock("two", 3);
  const names = [];
  for await (const b of container.listBlobsFlat()) names.push(b.name);
  const folders = [];
  for await (const b of container.listBlobsByHierarchy("/")) folders.push(b.kind + ":" + b.name);
  const lease = blob.getBlobLeaseClient();
  await lease.acquireLease(15);
  let refused = "";
  try {
    await blob.upload("x", 1);
  } catch (e) {
    refused = e.code;
  }
  await lease.releaseLease();
  const copy = await container.getBlobClient("copy").beginCopyFromURL(blob.url).then((p) => p.pollUntilDone());
  const seen = {
    names,
    folders: folders.sort(),
    text: (await blob.downloadToBuffer()).toString(),
    type: (await blob.getProperties()).contentType,
    tags: (await blob.getTags()).tags,
    large: (await large.downloadToBuffer()).length,
    log: (await append.downloadToBuffer()).toString(),
    refused,
    copy: copy.copyStatus,
    deleted: (await container.deleteIfExists()).succeeded,
  };
  console.log(JSON.stringify(seen));
}

main(process.argv[2]).catch((e) => {
  console.error(e);
  process.exit(1);
});
