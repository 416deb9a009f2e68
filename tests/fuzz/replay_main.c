/* replay_main -- runs a fuzz target over the files named on the command line, once each. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f)
            return perror(argv[i]), 1;
        fseek(f, 0, SEEK_END);
        size_t n = (size_t)ftell(f);
        rewind(f);
        uint8_t *bytes = malloc(n ? n : 1); /* exact size, so that ASan sees a read past the end */
        if (fread(bytes, 1, n, f) != n)
            return perror(argv[i]), 1;
        fclose(f);
        LLVMFuzzerTestOneInput(bytes, n);
        free(bytes);
    }
    return 0;
}
