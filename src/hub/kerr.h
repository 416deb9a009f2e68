/* kerr -- Kafka's error codes, as far as this broker answers them. */
#ifndef PAYSTREAK_HUB_KERR_H
#define PAYSTREAK_HUB_KERR_H
#include "base/base.h"

/* X(code, retriable, NAME) */
#define KERR_TABLE(X)                                                                              \
    X(-1, false, UNKNOWN_SERVER_ERROR)                                                             \
    X(0, false, NONE)                                                                              \
    X(1, false, OFFSET_OUT_OF_RANGE)                                                               \
    X(2, true, CORRUPT_MESSAGE)                                                                    \
    X(3, true, UNKNOWN_TOPIC_OR_PARTITION)                                                         \
    X(8, false, BROKER_NOT_AVAILABLE)                                                              \
    X(10, false, MESSAGE_TOO_LARGE)                                                                \
    X(12, false, OFFSET_METADATA_TOO_LARGE)                                                        \
    X(14, true, COORDINATOR_LOAD_IN_PROGRESS)                                                      \
    X(15, true, COORDINATOR_NOT_AVAILABLE)                                                         \
    X(17, false, INVALID_TOPIC_EXCEPTION)                                                          \
    X(21, false, INVALID_REQUIRED_ACKS)                                                            \
    X(22, false, ILLEGAL_GENERATION)                                                               \
    X(23, false, INCONSISTENT_GROUP_PROTOCOL)                                                      \
    X(24, false, INVALID_GROUP_ID)                                                                 \
    X(25, false, UNKNOWN_MEMBER_ID)                                                                \
    X(26, false, INVALID_SESSION_TIMEOUT)                                                          \
    X(27, false, REBALANCE_IN_PROGRESS)                                                            \
    X(29, false, TOPIC_AUTHORIZATION_FAILED)                                                       \
    X(30, false, GROUP_AUTHORIZATION_FAILED)                                                       \
    X(31, false, CLUSTER_AUTHORIZATION_FAILED)                                                     \
    X(32, false, INVALID_TIMESTAMP)                                                                \
    X(33, false, UNSUPPORTED_SASL_MECHANISM)                                                       \
    X(34, false, ILLEGAL_SASL_STATE)                                                               \
    X(35, false, UNSUPPORTED_VERSION)                                                              \
    X(36, false, TOPIC_ALREADY_EXISTS)                                                             \
    X(37, false, INVALID_PARTITIONS)                                                               \
    X(38, false, INVALID_REPLICATION_FACTOR)                                                       \
    X(39, false, INVALID_REPLICA_ASSIGNMENT)                                                       \
    X(40, false, INVALID_CONFIG)                                                                   \
    X(42, false, INVALID_REQUEST)                                                                  \
    X(43, false, UNSUPPORTED_FOR_MESSAGE_FORMAT)                                                   \
    X(44, false, POLICY_VIOLATION)                                                                 \
    X(45, false, OUT_OF_ORDER_SEQUENCE_NUMBER)                                                     \
    X(46, false, DUPLICATE_SEQUENCE_NUMBER)                                                        \
    X(47, false, INVALID_PRODUCER_EPOCH)                                                           \
    X(48, false, INVALID_TXN_STATE)                                                                \
    X(49, false, INVALID_PRODUCER_ID_MAPPING)                                                      \
    X(50, false, INVALID_TRANSACTION_TIMEOUT)                                                      \
    X(51, true, CONCURRENT_TRANSACTIONS)                                                           \
    X(53, false, TRANSACTIONAL_ID_AUTHORIZATION_FAILED)                                            \
    X(55, false, OPERATION_NOT_ATTEMPTED)                                                          \
    X(56, true, KAFKA_STORAGE_ERROR)                                                               \
    X(58, false, SASL_AUTHENTICATION_FAILED)                                                       \
    X(68, false, NON_EMPTY_GROUP)                                                                  \
    X(69, false, GROUP_ID_NOT_FOUND)                                                               \
    X(70, true, FETCH_SESSION_ID_NOT_FOUND)                                                        \
    X(74, true, FENCED_LEADER_EPOCH)                                                               \
    X(75, true, UNKNOWN_LEADER_EPOCH)                                                              \
    X(76, false, UNSUPPORTED_COMPRESSION_TYPE)                                                     \
    X(79, false, MEMBER_ID_REQUIRED)                                                               \
    X(81, false, GROUP_MAX_SIZE_REACHED)                                                           \
    X(82, false, FENCED_INSTANCE_ID)                                                               \
    X(84, false, ELECTION_NOT_NEEDED)                                                              \
    X(85, false, NO_REASSIGNMENT_IN_PROGRESS)                                                      \
    X(86, false, GROUP_SUBSCRIBED_TO_TOPIC)                                                        \
    X(87, false, INVALID_RECORD)                                                                   \
    X(88, true, UNSTABLE_OFFSET_COMMIT)                                                            \
    X(90, false, PRODUCER_FENCED)                                                                  \
    X(91, false, RESOURCE_NOT_FOUND)                                                               \
    X(92, false, DUPLICATE_RESOURCE)                                                               \
    X(93, false, UNACCEPTABLE_CREDENTIAL)                                                          \
    X(100, true, UNKNOWN_TOPIC_ID)                                                                 \
    X(105, false, TRANSACTIONAL_ID_NOT_FOUND)

enum kerr {
#define X(code, retriable, name) KERR_##name = code,
    KERR_TABLE(X)
#undef X
};

const char *kerr_name(int code);      /* "OFFSET_OUT_OF_RANGE" */
enum kerr kerr_of(const struct err *err); /* the code that a failure of ours is answered with */
#endif
