/* ops -- the operations, one function a row of the tables; see each file's top. */
#ifndef PAYSTREAK_STORAGE_OPS_H
#define PAYSTREAK_STORAGE_OPS_H
#include "storage/blob.h"

/* container.c: containers, of Blob and DFS */
int op_list_containers(struct op *o);
int op_account_info(struct op *o);
int op_get_service_properties(struct op *o);
int op_create_container(struct op *o);
int op_delete_container(struct op *o);
int op_get_container(struct op *o);
int op_set_container_metadata(struct op *o);
int op_get_container_acl(struct op *o);
int op_set_container_acl(struct op *o);
int op_lease_container(struct op *o);
/* policy.c */
int policy_find(struct op *o, struct str acl, struct str id, struct str *perms, struct str *start, struct str *expiry);
int policy_check(struct op *o, struct str xml);   /* a body of Set ACL */
int policy_answer(struct op *o, struct str acl);  /* Get ACL: the body that was set, or of none */
/* blob_read.c */
int op_get_blob(struct op *o);
int op_head_blob(struct op *o);
int op_get_blob_metadata(struct op *o);
int op_get_blob_tags(struct op *o);
int op_get_block_list(struct op *o);
int refuse_versions(struct op *o);                /* snapshot, versionid */
bool range_read(struct str text, int64_t *from, int64_t *to);         /* "bytes=0-99", "bytes=100-"; false: none that is honoured */
void put_tags(struct buf *out, const struct doc *tags);               /* <Tags> */
void put_blob_headers(struct op *o, const struct container *c, const struct blob *b);
/* blob_write.c */
int op_put_blob(struct op *o);
int op_put_block(struct op *o);
int op_put_block_list(struct op *o);
int op_append_block(struct op *o);
int op_seal_blob(struct op *o);
int op_delete_blob(struct op *o);
int write_target(struct op *o, struct container *c, struct blob *b);  /* finds it; conditions, leases, SAS */
/* blob_props.c */
int op_set_blob_metadata(struct op *o);
int op_set_blob_properties(struct op *o);
int op_set_blob_tags(struct op *o);
int op_set_blob_tier(struct op *o);
int op_lease_blob(struct op *o);
int op_abort_copy(struct op *o);
int op_batch(struct op *o);
/* copy.c */
int op_copy_blob(struct op *o);                   /* Copy Blob and Put Blob From URL: begins as a writer */
int op_copy_range(struct op *o);                  /* Put Block / Append Block From URL */
/* list.c */
int op_list_blobs(struct op *o);
int op_list_paths(struct op *o);
/* dfs.c */
int op_path_create(struct op *o);
int op_path_append(struct op *o);
int op_path_flush(struct op *o);
int op_path_properties(struct op *o);
int op_path_set_properties(struct op *o);
int op_path_delete(struct op *o);
int op_path_lease(struct op *o);
int op_filesystem_set(struct op *o);
int properties_read(struct op *o, struct str text, struct doc **out);  /* x-ms-properties: n=base64,… */
struct str properties_text(struct op *o, const struct doc *meta);
int path_target(struct op *o, struct container *c, struct blob *b, bool write);  /* finds it; leases, conditions */
/* dfs_access.c */
int op_path_acl(struct op *o);
int op_path_acl_recursive(struct op *o);
struct str perms_of(const struct blob *b);                             /* nine letters */
struct str acl_of(struct op *o, const struct blob *b);                 /* the list; what the permissions say, if none was set */
int access_from(struct op *o, struct blob *b);                         /* x-ms-owner, -group, -permissions, -acl of the request */
int umask_from(struct op *o, struct blob *b, bool dir);                /* x-ms-umask of a creation: off x-ms-permissions, or off all */
/* queue.c: by its table */
#endif
