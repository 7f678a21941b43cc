/* `bench backend …` and `bench load …`: see backend.c and load.c for their options. */
#include "bench.h"

#include <signal.h>
#include <string.h>

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "backend") == 0) return backend_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "load") == 0) return load_main(argc - 2, argv + 2);
    die("usage: bench backend|load [--option value]…");
}
