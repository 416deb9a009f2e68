"""Numbered transactions until somebody ends it: six records in two partitions and one offset each. Says what became of each.

A process of its own: a client's call may last for good once its only broker is gone.
    python hub_txn_load.py ADDRESS
"""

import sys

from confluent_kafka import Consumer, Producer, TopicPartition

address = sys.argv[1]
c = Consumer({"bootstrap.servers": address, "group.id": "cut", "log_level": 0})
p = Producer({"bootstrap.servers": address, "transactional.id": "cut", "linger.ms": 0, "log_level": 0})
p.init_transactions(20)
for n in range(10**6):
    print("unknown", n, flush=True)
    p.begin_transaction()
    for j in range(6):
        p.produce("out", f"{n}-{j}", partition=j % 2)
    p.send_offsets_to_transaction([TopicPartition("in", 0, n + 1)], c.consumer_group_metadata(), 20)
    if n % 4 == 3:
        p.flush(20)
        p.abort_transaction(20)
        print("aborted", n, flush=True)
    else:
        p.commit_transaction(20)
        print("committed", n, flush=True)
