/* fuzz_sas -- bytes as a token, as a connection string, and as a file of policies: only what is signed with a
 * policy's key is good. */
#include "hub/sas.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static char dir[] = "/tmp/fuzz-sas-XXXXXX";
    static struct sas *none;
    struct str in = str_of((const char *)bytes, n);
    struct sas_claim claim;
    struct sas_string text;
    struct err err;
    if (n > 1 << 16)
        return 0;
    struct arena *a = arena_new();
    if (!none) {
        CHECK(mkdtemp(dir));
        none = sas_open(dir, "a key that no input has", &err);
        CHECK(none);
    }
    CHECK(sas_check_token(none, a, in, 0, &claim, &err) == -1 && err.code == ERR_AUTH);
    sas_string_read(in, &text);
    CHECK(text.key.len + text.policy.len + text.host.len + text.entity.len <= n);
    CHECK(sas_namespace_of(in).len <= n);
    CHECK(fs_write_file(path_join(a, dir, SAS_POLICY_FILE), in, &err) == 0);
    struct sas *s = sas_open(dir, "a key that no input has", &err);
    sas_close(s);
    CHECK(fs_remove_tree(dir, &err) == 0 && fs_mkdirs(dir, &err) == 0);
    arena_free(a);
    return 0;
}
