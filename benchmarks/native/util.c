/* Clock, memory, addresses and arguments. */
#include "bench.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void *must_alloc(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) die("out of memory");
    return memory;
}

static void bytes_reserve(struct bytes *bytes, size_t more) {
    if (bytes->start == bytes->size) bytes_clear(bytes);
    size_t needed = bytes->size + more;
    if (needed <= bytes->capacity) return;
    size_t capacity = bytes->capacity ? bytes->capacity : 256;
    while (capacity < needed) capacity *= 2;
    bytes->data = realloc(bytes->data, capacity);
    if (bytes->data == NULL) die("out of memory");
    bytes->capacity = capacity;
}

void bytes_append(struct bytes *bytes, const char *data, size_t count) {
    if (count == 0) return;
    bytes_reserve(bytes, count);
    memcpy(bytes->data + bytes->size, data, count);
    bytes->size += count;
}

void bytes_printf(struct bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bytes_reserve(bytes, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf(bytes->data + bytes->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    bytes->size += (size_t)size;
}

void bytes_clear(struct bytes *bytes) { bytes->size = bytes->start = 0; }

void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){0};
}

struct sockaddr_in loopback_address(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : strlen(text);
    snprintf(host, sizeof host, "%.*s", (int)size, text);
    if (size >= sizeof host || inet_pton(AF_INET, host, &address.sin_addr) != 1
        || ntohl(address.sin_addr.s_addr) >> 24 != 127)
        die("%s: only addresses in 127.0.0.0/8 are served and loaded", text);
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (port < 0 || port > 65535) die("%s: no such port", text);
    address.sin_port = htons((uint16_t)port);
    return address;
}

void bound_life(unsigned seconds) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(seconds);
}

void parse_options(int argc, char **argv, struct option *options, size_t count) {
    for (int i = 0; i < argc; i += 2) {
        struct option *found = NULL;
        for (size_t k = 0; k < count && options[k].name != NULL; k++)
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, options[k].name) == 0)
                found = &options[k];
        if (found == NULL) die("unknown option %s", argv[i]);
        if (i + 1 == argc) die("%s needs a value", argv[i]);
        found->value = argv[i + 1];
    }
}

const char *option_text(const struct option *options, const char *name) {
    while (options->name != NULL && strcmp(options->name, name) != 0) options++;
    if (options->name == NULL || options->value == NULL) die("--%s is needed", name);
    return options->value;
}

double option_number(const struct option *options, const char *name, double least, double most) {
    const char *text = option_text(options, name);
    char *end;
    double value = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(value >= least && value <= most))
        die("--%s %s: a number from %g to %g is needed", name, text, least, most);
    return value;
}
