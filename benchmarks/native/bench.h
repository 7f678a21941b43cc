/* Shared ground of the benchmark's backend and load generator: clock, memory, sockets, arguments,
 * an incremental HTTP/1.1 parser and a histogram.
 *
 * One thread, one epoll set, edge-triggered. Addresses lie in 127.0.0.0/8 and nowhere else.
 */
#ifndef BENCH_H
#define BENCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

/* ---- util.c ---- */

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* CLOCK_MONOTONIC in ns: one clock for all processes of the machine. */
uint64_t now_ns(void);

/* User and system time of this process so far, in seconds. */
double cpu_seconds(void);

void *must_alloc(size_t count, size_t size);

/* Bytes that grow as they are appended to; `start` is what has been taken from the front. */
struct bytes {
    char *data;
    size_t size, start, capacity;
};
void bytes_append(struct bytes *bytes, const char *data, size_t count);
void bytes_printf(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_clear(struct bytes *bytes); /* keeps the memory */
void bytes_free(struct bytes *bytes);

/* `A.B.C.D:PORT` or the address alone; dies unless it lies in 127.0.0.0/8. */
struct sockaddr_in loopback_address(const char *text);

/* Dies when no parent is left to end us, and after `seconds` in any case. */
void bound_life(unsigned seconds);

/* The value of `--name VALUE` in argv, or the default. Dies at an unknown or incomplete option. */
struct option {
    const char *name;
    const char *value;
};
void parse_options(int argc, char **argv, struct option *options, size_t count);
const char *option_text(const struct option *options, const char *name);
double option_number(const struct option *options, const char *name, double least, double most);

/* ---- http.c ---- */

#define HEAD_MAX 8192

enum http_state { HTTP_HEAD, HTTP_LENGTH, HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END,
                  HTTP_TRAILER, HTTP_UNTIL_CLOSE, HTTP_DONE, HTTP_BAD };

/* One message as it arrives, request or response; `head` holds the head while it is incomplete
 * and, NUL-terminated, from then on. */
struct http {
    enum http_state state;
    bool keep_alive;
    int status;      /* of a response, 0 for a request */
    uint64_t left;   /* body bytes to come in this piece */
    size_t line_size; /* what was seen of the present chunk-size or trailer line */
    size_t head_size;
    char head[HEAD_MAX + 1];
};

struct span {
    const char *data;
    size_t size;
};

void http_reset(struct http *http);

/* Takes bytes off the front and returns how many; `body` becomes the body bytes among them, maybe
 * none. Call again with the rest until the state is HTTP_DONE or HTTP_BAD. */
size_t http_feed(struct http *http, const char *data, size_t size, struct span *body);

/* Whether the other side's closing ends the message properly. */
bool http_complete_at_close(const struct http *http);

/* ---- histogram.c ---- */

/* Durations in ns, kept within 1.6 % up to about an hour. */
#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS ((42 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)
struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};
void histogram_add(struct histogram *histogram, uint64_t ns);

/* Appends `"name": {"count": …, "mean": …, "p50": …, …}` with times in µs. */
void histogram_json(struct bytes *out, const char *name, const struct histogram *histogram);

/* ---- request.c ---- */

/* `ticket`: a number in the prompt by which the backend knows the request, -1 for none. */
struct request_form {
    const char *path, *model;
    bool stream;
    size_t body_bytes;
    long ticket;
};

/* Appends head and body. */
void request_make(struct bytes *out, const struct sockaddr_in *target, const struct request_form *form);

/* ---- the two programs ---- */

int backend_main(int argc, char **argv);
int load_main(int argc, char **argv);

#endif
