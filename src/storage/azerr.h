/* azerr -- Azure's error codes: one row each, with status, the name that DFS uses instead, and text.
 *
 * Blob and Queue answer errors as XML, DFS as JSON; all set x-ms-error-code. */
#ifndef PAYSTREAK_STORAGE_AZERR_H
#define PAYSTREAK_STORAGE_AZERR_H
#include "base/base.h"

#define AZ_ERRORS(X)                                                                                                             \
    X(OutOfRangeInput, 400, NULL, "One of the request inputs is out of range.")                                                  \
    X(InvalidInput, 400, NULL, "One of the request inputs is not valid.")                                                        \
    X(InvalidUri, 400, NULL, "The requested URI does not represent any resource on the server.")                                 \
    X(InvalidResourceName, 400, NULL, "The specified resource name contains invalid characters.")                                \
    X(InvalidHeaderValue, 400, NULL, "The value for one of the HTTP headers is not in the correct format.")                      \
    X(MissingRequiredHeader, 400, NULL, "An HTTP header that's mandatory for this request is not specified.")                    \
    X(InvalidQueryParameterValue, 400, NULL, "Value for one of the query parameters specified in the request URI is invalid.")   \
    X(MissingRequiredQueryParameter, 400, NULL, "A query parameter that's mandatory for this request is not specified.")         \
    X(InvalidXmlDocument, 400, NULL, "XML specified is not syntactically valid.")                                                \
    X(InvalidMetadata, 400, NULL, "The metadata specified is invalid. It has characters that are not permitted.")                \
    X(MetadataTooLarge, 400, NULL, "The metadata specified exceeds the maximum permissible limit (8KB).")                        \
    X(InvalidMd5, 400, NULL, "The MD5 value specified in the request is invalid. The MD5 value must be 128 bits and Base64-encoded.") \
    X(Md5Mismatch, 400, NULL, "The MD5 value specified in the request did not match with the MD5 value calculated by the server.") \
    X(Crc64Mismatch, 400, NULL, "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.") \
    X(InvalidBlobOrBlock, 400, NULL, "The specified blob or block content is invalid.")                                          \
    X(InvalidBlockId, 400, NULL, "The specified block ID is invalid. The block ID must be Base64-encoded.")                      \
    X(InvalidBlockList, 400, NULL, "The specified block list is invalid.")                                                       \
    X(BlockListTooLong, 400, NULL, "The block list may not contain more than 50,000 blocks.")                                    \
    X(BlockCountExceedsLimit, 409, NULL, "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.")       \
    X(InvalidAuthenticationInfo, 400, NULL, "Authentication information is not given in the correct format. Check the value of Authorization header.") \
    X(NoAuthenticationInformation, 401, NULL, "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.") \
    X(AuthenticationFailed, 403, NULL, "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.") \
    X(AuthorizationFailure, 403, NULL, "This request is not authorized to perform this operation.")                              \
    X(AuthorizationPermissionMismatch, 403, NULL, "This request is not authorized to perform this operation using this permission.") \
    X(AuthorizationProtocolMismatch, 403, NULL, "This request is not authorized to perform this operation using this protocol.") \
    X(AuthorizationResourceTypeMismatch, 403, NULL, "This request is not authorized to perform this operation using this resource type.") \
    X(AuthorizationServiceMismatch, 403, NULL, "This request is not authorized to perform this operation using this service.")   \
    X(AuthorizationSourceIPMismatch, 403, NULL, "This request is not authorized to perform this operation using this source IP.") \
    X(PublicAccessNotPermitted, 409, NULL, "Public access is not permitted on this storage account.")                            \
    X(CannotVerifyCopySource, 403, NULL, "Server failed to authenticate the source of the copy.")                                \
    X(ContainerNotFound, 404, "FilesystemNotFound", "The specified container does not exist.")                                   \
    X(BlobNotFound, 404, "PathNotFound", "The specified blob does not exist.")                                                   \
    X(ResourceNotFound, 404, NULL, "The specified resource does not exist.")                                                     \
    X(SourcePathNotFound, 404, NULL, "The source path for a rename operation does not exist.")                                   \
    X(RenameDestinationParentPathNotFound, 404, NULL, "The parent directory of the destination path does not exist.")            \
    X(QueueNotFound, 404, NULL, "The specified queue does not exist.")                                                           \
    X(MessageNotFound, 404, NULL, "The specified message does not exist.")                                                       \
    X(PopReceiptMismatch, 400, NULL, "The specified pop receipt did not match the pop receipt for a dequeued message.")          \
    X(QueueAlreadyExists, 409, NULL, "The specified queue already exists.")                                                      \
    X(QueueNotEmpty, 409, NULL, "The specified queue is not empty.")                                                             \
    X(ContainerAlreadyExists, 409, "FilesystemAlreadyExists", "The specified container already exists.")                         \
    X(BlobAlreadyExists, 409, "PathAlreadyExists", "The specified blob already exists.")                                         \
    X(PathConflict, 409, NULL, "The specified path, or an element of the path, exists and its resource type is invalid for this operation.") \
    X(ResourceTypeMismatch, 409, NULL, "The specified resource type does not match: the path, or an element of it, is a directory or a blob already.") \
    X(DirectoryNotEmpty, 409, NULL, "The recursive query parameter value must be true to delete a non-empty directory.")         \
    X(DirectoryIsNotEmpty, 409, NULL, "This operation is not permitted on a non-empty directory.")                               \
    X(InvalidRenameSourcePath, 409, NULL, "The source directory cannot be the same as the destination directory, nor can the destination be a subdirectory of the source.") \
    X(InvalidFlushPosition, 400, NULL, "The uploaded data is not contiguous or the position query parameter value is not equal to the length of the file after appending the uploaded data.") \
    X(InvalidAppendPosition, 400, NULL, "The position query parameter value is not valid for an append.")                        \
    X(InvalidBlobType, 409, NULL, "The blob type is invalid for this operation.")                                                \
    X(BlobIsSealed, 409, NULL, "The specified blob is sealed and its contents can't be modified.")                               \
    X(AppendPositionConditionNotMet, 412, NULL, "The append position condition specified was not met.")                          \
    X(MaxBlobSizeConditionNotMet, 412, NULL, "The max blob size condition specified was not met.")                               \
    X(ConditionNotMet, 412, NULL, "The condition specified using HTTP conditional header(s) is not met.")                        \
    X(SourceConditionNotMet, 412, NULL, "The source condition specified using HTTP conditional header(s) is not met.")           \
    X(TargetConditionNotMet, 412, NULL, "The target condition specified using HTTP conditional header(s) is not met.")           \
    X(NotModified, 304, NULL, "The condition specified using HTTP conditional header(s) is not met.")                            \
    X(InvalidRange, 416, NULL, "The range specified is invalid for the current size of the resource.")                           \
    X(LeaseIdMissing, 412, NULL, "There is currently a lease on the resource and no lease ID was specified in the request.")     \
    X(LeaseIdMismatchWithBlobOperation, 412, NULL, "The lease ID specified did not match the lease ID for the blob.")            \
    X(LeaseIdMismatchWithContainerOperation, 412, NULL, "The lease ID specified did not match the lease ID for the container.")  \
    X(LeaseNotPresentWithBlobOperation, 412, NULL, "There is currently no lease on the blob.")                                   \
    X(LeaseNotPresentWithContainerOperation, 412, NULL, "There is currently no lease on the container.")                         \
    X(LeaseAlreadyPresent, 409, NULL, "There is already a lease present.")                                                       \
    X(LeaseIdMismatchWithLeaseOperation, 409, NULL, "The lease ID specified did not match the lease ID for the resource.")       \
    X(LeaseNotPresentWithLeaseOperation, 409, NULL, "There is currently no lease on the resource.")                              \
    X(LeaseIsBreakingAndCannotBeAcquired, 409, NULL, "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.") \
    X(LeaseIsBreakingAndCannotBeChanged, 409, NULL, "The lease ID matched, but the lease is currently in breaking state and cannot be changed.") \
    X(LeaseIsBrokenAndCannotBeRenewed, 409, NULL, "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.") \
    X(RequestBodyTooLarge, 413, NULL, "The request body is too large and exceeds the maximum permissible limit.")                \
    X(UnsupportedHttpVerb, 405, NULL, "The resource doesn't support the specified HTTP verb.")                                   \
    X(MissingContentLengthHeader, 411, NULL, "The Content-Length header was not specified.")                                     \
    X(FeatureNotSupported, 501, NULL, "This feature is not supported here.")                                                     \
    X(InsufficientAccountPermissions, 403, NULL, "The account being accessed does not have sufficient permissions to execute this operation.") \
    X(AccountBeingCreated, 403, NULL, "There are too many accounts.")                                                            \
    X(InternalError, 500, NULL, "The server encountered an internal error.")

enum az_error {
    AZ_NONE,
#define X(name, status, dfs, text) AZ_##name,
    AZ_ERRORS(X)
#undef X
    AZ_COUNT
};

int az_status(enum az_error e);
const char *az_code(enum az_error e, bool dfs);
const char *az_text(enum az_error e);
/* The body of an error answer: XML, or with `dfs` JSON. */
void az_body(struct buf *out, enum az_error e, bool dfs, struct str detail, const char *request_id);
#endif
