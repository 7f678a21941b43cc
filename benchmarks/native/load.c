/* The clients of the benchmark. `bench load MODE --target 127.0.0.1:8080 …` with MODE one of
 *
 *   requests   --connections clients that each send a request, await the answer, and begin again
 *   streams    the same with `"stream": true`: first-event times, gaps between events, and delays from
 *              the time that the backend wrote into an event to its arrival
 *   slow       streams of which each client takes --rate bytes a second
 *   leave      --connections streams, one begun every --spacing-ms, each left after --after-events
 *
 * Connections are opened --ramp a second. When all are open, and with --patience all have had an event or
 * this many seconds are over, --warmup seconds pass; then it is measured for --seconds. The lines `begin` and `end` on stdout mark this time, so that others can measure in step;
 * the last line is the result, one JSON object with times in µs.
 */
#include "bench.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 256
#define STAMP_DIGITS 18
#define REOPEN_NS (20 * NS_PER_MS)
#define ERRORS_MAX 10000 /* more than this and the run is not worth its time */

enum mode { REQUESTS, STREAMS, SLOW, LEAVE };
enum state { CLOSED, CONNECTING, SENDING, RECEIVING, GONE };

struct client {
    int fd;
    enum state state;
    size_t sent;
    struct bytes own_request; /* where it is not the common one */
    struct http response;
    struct bytes refusal;     /* the start of an answer that is not 200 */
    bool any_byte;            /* of the present answer */
    bool begun;               /* has had an event */
    uint64_t answers, events; /* on this connection; of this answer */
    uint64_t started, last_event, reopen_at;
    int digits;               /* of a stamp that has begun, 0 between two */
    uint64_t stamp;
    long ticket;
};

static struct {
    enum mode mode;
    struct sockaddr_in target;
    struct request_form form;
    int connections;
    double seconds, warmup, patience, ramp, rate, spacing_ms;
    uint64_t after_events;
} options;

static struct client *clients;
static struct bytes common_request;
static int epoll_fd, opened, begun, gone; /* clients: with a connection, with an event, that left */
static bool measuring;

static struct {
    uint64_t answers, streams, events, reads, bytes, errors, reconnects;
    struct histogram latency, first_event, gap, delay;
    char first_error[256];
} result;
static struct bytes left; /* JSON pairs of ticket and ns */

/* ---- one client ---- */

static void fail(struct client *client, const char *what) {
    if (result.errors++ == 0) snprintf(result.first_error, sizeof result.first_error, "%s", what);
    close(client->fd);
    client->state = CLOSED;
    client->reopen_at = now_ns() + REOPEN_NS;
}

static void reopen(struct client *client);

static void send_request(struct client *client) {
    const struct bytes *request = client->own_request.size ? &client->own_request : &common_request;
    if (client->sent == 0) client->started = now_ns();
    client->state = SENDING;
    while (client->sent < request->size) {
        ssize_t sent = send(client->fd, request->data + client->sent, request->size - client->sent,
                            MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) return;
            if (client->answers > 0 && !client->any_byte) reopen(client);
            else fail(client, strerror(errno));
            return;
        }
        client->sent += (size_t)sent;
    }
    client->state = RECEIVING;
}

static void begin_request(struct client *client) {
    client->sent = 0;
    client->events = 0;
    client->digits = 0;
    client->any_byte = false;
    bytes_clear(&client->refusal);
    http_reset(&client->response);
    send_request(client);
}

static void open_client(struct client *client) {
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) die("socket: %s", strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->answers = 0;
    client->state = CONNECTING;
    struct epoll_event event
        = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = client}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
    if (connect(client->fd, (struct sockaddr *)&options.target, sizeof options.target) != 0
        && errno != EINPROGRESS)
        fail(client, strerror(errno));
}

/* The server has ended a kept connection, as it may. */
static void reopen(struct client *client) {
    result.reconnects++;
    close(client->fd);
    open_client(client);
}

static void leave(struct client *client) {
    bytes_printf(&left, "%s[%ld, %llu]", left.size ? ", " : "", client->ticket,
                 (unsigned long long)now_ns());
    close(client->fd);
    client->state = GONE;
    gone++;
}

static void on_event(struct client *client, uint64_t now) {
    client->events++;
    if (!client->begun) begun++;
    client->begun = true;
    if (measuring) {
        result.events++;
        histogram_add(&result.delay, now > client->stamp ? now - client->stamp : 0);
        if (client->events == 1) histogram_add(&result.first_event, now - client->started);
        else histogram_add(&result.gap, now - client->last_event);
    }
    client->last_event = now;
}

/* Finds the stamps in a piece of a stream; one may lie across two pieces. */
static void on_stream_bytes(struct client *client, struct span body, uint64_t now) {
    const char *at = body.data, *end = body.data + body.size;
    while (at < end) {
        if (client->digits == 0) {
            at = memchr(at, '@', (size_t)(end - at));
            if (at == NULL) return;
            client->stamp = 0;
        } else {
            client->stamp = client->stamp * 10 + (uint64_t)(*at - '0');
        }
        at++;
        if (client->digits++ == STAMP_DIGITS) {
            client->digits = 0;
            on_event(client, now);
        }
    }
}

static void on_answer(struct client *client, uint64_t now) {
    if (client->response.status != 200) {
        char text[200];
        snprintf(text, sizeof text, "HTTP %d: %.*s", client->response.status,
                 (int)client->refusal.size, client->refusal.size ? client->refusal.data : "");
        fail(client, text);
        return;
    }
    if (options.mode != REQUESTS && client->events == 0) {
        fail(client, "a stream without events");
        return;
    }
    client->answers++;
    if (measuring) {
        if (options.mode == REQUESTS) histogram_add(&result.latency, now - client->started);
        result.answers++;
    }
    if (client->response.keep_alive) begin_request(client);
    else reopen(client);
}

static void on_bytes(struct client *client, const char *data, size_t size) {
    uint64_t now = now_ns(), events = client->events;
    client->any_byte = true;
    if (measuring) result.bytes += size;
    for (size_t used = 0; used < size && client->state == RECEIVING;) {
        struct span body;
        used += http_feed(&client->response, data + used, size - used, &body);
        if (client->response.status != 200) {
            if (client->refusal.size < 160) bytes_append(&client->refusal, body.data, body.size);
        } else if (options.mode != REQUESTS && body.size) {
            on_stream_bytes(client, body, now);
        }
        if (client->response.state == HTTP_BAD) fail(client, "an answer that is not HTTP/1.1");
        if (client->response.state != HTTP_DONE) continue;
        if (measuring && client->events > events) result.reads++;
        on_answer(client, now);
        return; /* nothing follows an answer before the next request */
    }
    if (measuring && client->events > events) result.reads++;
    if (options.mode == LEAVE && client->state == RECEIVING && client->events >= options.after_events)
        leave(client);
}

static void on_closed(struct client *client) {
    if (client->state == RECEIVING && http_complete_at_close(&client->response)) {
        client->response.keep_alive = false;
        on_answer(client, now_ns());
    } else if (client->answers > 0 && !client->any_byte) {
        reopen(client); /* it closed while the request was on its way */
    } else {
        fail(client, "the connection ended within an answer");
    }
}

static void on_readable(struct client *client, bool closing) {
    static char buffer[128 * 1024];
    int fd = client->fd;
    while (client->fd == fd && (client->state == RECEIVING || client->state == SENDING)) {
        ssize_t size = recv(fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            on_closed(client);
            return;
        }
        on_bytes(client, buffer, (size_t)size);
        if ((size_t)size < sizeof buffer && !closing) return;
    }
}

static void on_ready(struct client *client, uint32_t events) {
    bool closing = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    if (client->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) fail(client, strerror(error));
        else begin_request(client);
        return;
    }
    if (client->state == SENDING && events & EPOLLOUT) send_request(client);
    if (closing || events & EPOLLIN) on_readable(client, closing);
}

/* ---- a run ---- */

/* Opens the clients whose time has come; returns when the next one's does. */
static uint64_t open_due(uint64_t start, uint64_t now) {
    double per_ns = options.mode == LEAVE ? 1 / (options.spacing_ms * 1e6) : options.ramp / 1e9;
    while (opened < options.connections) {
        uint64_t due = start + (uint64_t)(opened / per_ns);
        if (due > now) return due;
        open_client(&clients[opened++]);
    }
    return UINT64_MAX;
}

static void reopen_due(uint64_t now) {
    for (int i = 0; i < opened; i++)
        if (clients[i].state == CLOSED && clients[i].reopen_at <= now) open_client(&clients[i]);
}

static void mark(const char *line) {
    puts(line);
    fflush(stdout);
}

static void wait_for_events(uint64_t until) {
    struct epoll_event events[BATCH];
    uint64_t now = now_ns(), ns = until > now ? until - now : 0;
    struct timespec wait = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    int count = epoll_pwait2(epoll_fd, events, BATCH, &wait, NULL);
    if (count < 0 && errno != EINTR) die("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < count; i++) on_ready(events[i].data.ptr, events[i].events);
}

static uint64_t earlier(uint64_t one, uint64_t other) { return one < other ? one : other; }

static void run(void) {
    uint64_t start = now_ns(), begin = 0, end = UINT64_MAX;
    while (result.errors < ERRORS_MAX) {
        uint64_t now = now_ns(), next = open_due(start, now);
        if (begin == 0 && opened == options.connections) {
            uint64_t latest = start + (uint64_t)(options.patience * 1e9);
            if (begun == opened || now >= latest) begin = now + (uint64_t)(options.warmup * 1e9);
            else next = latest;
        }
        if (!measuring && begin != 0 && now >= begin) {
            measuring = true;
            end = now + (uint64_t)(options.seconds * 1e9);
            mark("begin");
        }
        if (now >= end || gone == options.connections) break;
        if (result.errors) reopen_due(now);
        if (begin != 0) next = earlier(next, measuring ? end : begin);
        wait_for_events(result.errors ? earlier(next, now + REOPEN_NS) : next);
    }
    mark("end");
}

/* A client that takes little has a small buffer, and looks into it four times a second. */
static void run_slow(void) {
    enum { TURNS = 4 };
    char buffer[65536];
    int size = 4096;
    size_t each = (size_t)(options.rate / TURNS) < sizeof buffer ? (size_t)(options.rate / TURNS) : sizeof buffer;
    mark("begin");
    for (int i = 0; i < options.connections; i++) {
        struct client *client = &clients[i];
        client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (connect(client->fd, (struct sockaddr *)&options.target, sizeof options.target) != 0
            || send(client->fd, common_request.data, common_request.size, MSG_NOSIGNAL) < 0)
            fail(client, strerror(errno));
        else client->state = RECEIVING;
    }
    for (uint64_t end = now_ns() + (uint64_t)(options.seconds * 1e9); now_ns() < end;) {
        usleep(1000000 / TURNS);
        for (int i = 0; i < options.connections; i++) {
            if (clients[i].state != RECEIVING) continue;
            ssize_t got = recv(clients[i].fd, buffer, each, MSG_DONTWAIT);
            if (got > 0) result.bytes += (size_t)got;
            else if (got == 0 || errno != EAGAIN) fail(&clients[i], "the connection ended");
        }
    }
    mark("end");
}

static void report(double seconds) {
    struct bytes out = {0};
    for (char *at = result.first_error; *at; at++) /* as the text of a JSON string */
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') *at = '\'';
    int streaming = 0;
    for (int i = 0; i < opened; i++) streaming += clients[i].state == RECEIVING && clients[i].events > 0;
    bytes_printf(&out,
                 "{\"seconds\": %.6f, \"answers\": %llu, \"streaming\": %d, \"events\": %llu, "
                 "\"reads\": %llu, \"bytes\": %llu, \"errors\": %llu, \"reconnects\": %llu, \"first_error\": \"%s\", "
                 "\"cpu_seconds\": %.6f, \"left\": [%.*s], ",
                 seconds, (unsigned long long)result.answers, streaming,
                 (unsigned long long)result.events, (unsigned long long)result.reads, (unsigned long long)result.bytes,
                 (unsigned long long)result.errors, (unsigned long long)result.reconnects,
                 result.first_error, cpu_seconds(), (int)left.size, left.size ? left.data : "");
    histogram_json(&out, "latency", &result.latency);
    bytes_append(&out, ", ", 2);
    histogram_json(&out, "first_event", &result.first_event);
    bytes_append(&out, ", ", 2);
    histogram_json(&out, "gap", &result.gap);
    bytes_append(&out, ", ", 2);
    histogram_json(&out, "delay", &result.delay);
    printf("%.*s}\n", (int)out.size, out.data);
    bytes_free(&out);
}

static enum mode mode_of(const char *text) {
    static const char *const names[] = {"requests", "streams", "slow", "leave"};
    for (enum mode mode = REQUESTS; mode <= LEAVE; mode++)
        if (strcmp(text, names[mode]) == 0) return mode;
    die("load %s: one of requests, streams, slow, leave is needed", text);
}

static void read_options(int argc, char **argv) {
    struct option given[] = {
        {"target", NULL}, {"path", "/v1/chat/completions"}, {"model", "bench"}, {"body-bytes", "300"},
        {"connections", "32"}, {"seconds", "2"}, {"warmup", "0.3"}, {"patience", "0"}, {"ramp", "4000"}, {"rate", "1024"},
        {"spacing-ms", "20"}, {"after-events", "2"}, {"first-ticket", "0"}, {NULL, NULL},
    };
    if (argc < 1) die("load: a mode is needed");
    options.mode = mode_of(argv[0]);
    parse_options(argc - 1, argv + 1, given, sizeof given / sizeof *given);
    options.target = loopback_address(option_text(given, "target"));
    options.connections = (int)option_number(given, "connections", 1, 20000);
    options.seconds = option_number(given, "seconds", 0.1, 3600);
    options.warmup = option_number(given, "warmup", 0, 60);
    options.patience = option_number(given, "patience", 0, 600);
    options.ramp = option_number(given, "ramp", 1, 1e6);
    options.rate = option_number(given, "rate", 4, 65536);
    options.spacing_ms = option_number(given, "spacing-ms", 0.1, 10000);
    options.after_events = (uint64_t)option_number(given, "after-events", 1, 1e6);
    options.form = (struct request_form){
        .path = option_text(given, "path"),
        .model = option_text(given, "model"),
        .stream = options.mode != REQUESTS,
        .body_bytes = (size_t)option_number(given, "body-bytes", 1, 64e6),
        .ticket = -1,
    };
    request_make(&common_request, &options.target, &options.form);
    clients = must_alloc((size_t)options.connections, sizeof *clients);
    for (int i = 0; options.mode == LEAVE && i < options.connections; i++) {
        options.form.ticket = clients[i].ticket = (long)option_number(given, "first-ticket", 0, 1e9) + i;
        request_make(&clients[i].own_request, &options.target, &options.form);
    }
}

int load_main(int argc, char **argv) {
    read_options(argc, argv);
    double longest = options.seconds + options.warmup + options.patience + options.connections / options.ramp
        + options.connections * options.spacing_ms / 1e3;
    bound_life((unsigned)longest + 30);
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    uint64_t start = now_ns();
    if (options.mode == SLOW) run_slow();
    else run();
    /* A run that broke off, or that has no window, is as long as it took. */
    bool whole = options.mode <= STREAMS && result.errors < ERRORS_MAX;
    report(whole ? options.seconds : (double)(now_ns() - start) / 1e9);
    return 0;
}
