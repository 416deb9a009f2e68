/* bind -- which cloud names are served from where: paystreak.yml first, the command line over it. */
#include "cli/cli.h"
#include "cli/project.h"
#include "resolve/resolve.h"

int cli_bind_all(struct resolver_names *names, struct arena *a, const struct cli_args *args, struct err *err)
{
    char *dir = cli_project_dir(a, args);
    if (fs_exists(path_join(a, dir, "paystreak.yml"))) {
        struct project *p = project_load(a, dir, err);
        if (!p)
            return -1;
        for (size_t i = 0; i < p->bind_count; i++)
            if (resolve_bind(names, p->binds[i], err))
                return err_wrap(err, "paystreak.yml");
    }
    for (size_t i = 0; i < args->bind_count; i++)
        if (resolve_bind(names, str_z(args->binds[i]), err)) {
            err->code = ERR_USAGE;
            return err_wrap(err, "--bind");
        }
    return 0;
}
