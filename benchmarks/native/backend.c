/* The engine of the benchmark: an HTTP/1.1 server that answers completions as vLLM does, at no cost
 * to speak of. Its options:
 *
 *   --address 127.77.0.1   first address to listen on
 *   --addresses 1          how many, counted upwards, all on one port
 *   --port 0               0: any free one
 *   --seconds 3600         ends by itself after this time
 *
 * It prints `{"address": …, "port": …, "addresses": …}` when it listens. Then
 *
 *   POST …/completions     one JSON body of `answer_bytes`, or with `"stream": true` server-sent events:
 *                          `events` of them, each its own chunk of `event_bytes` in its own send(), one
 *                          every `interval_us` or, with 0, as fast as they are taken. Each carries
 *                          `@` and 18 digits: the CLOCK_MONOTONIC ns of its send. A usage event follows
 *                          where the request asks for it, then `[DONE]`.
 *   GET /settings?name=N   sets what is named above for the requests that come after
 *   GET /stats             counters; `disconnects` are streams whose client left before their end, `left`
 *                          has when it was seen, a pair of the request's ticket (`ticket-N` at the start
 *                          of its prompt) and ns, for the first 8192 of those with a ticket
 *   GET /health, /v1/models, /metrics, and the like   what routers ask engines for
 */
#include "answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 65536
#define BATCH 256
#define LEFT_MAX 8192
#define UNPACED_TURN 64 /* sends between two looks at the epoll set */

static struct { uint64_t interval_us, events, event_bytes, answer_bytes; } settings
    = {.interval_us = 0, .events = 64, .event_bytes = 256, .answer_bytes = 512};

static struct {
    uint64_t requests, streams, streams_open, events, connections, connections_open, disconnects;
} stats;
static struct { long ticket; uint64_t ns; } left[LEFT_MAX];
static size_t left_count;

/* Where a streaming connection waits: for its time, for its turn, or for room in its socket. */
enum place { NOWHERE, PACED, RUNNABLE, BLOCKED };

struct conn {
    int fd;
    bool open, listens;
    struct http request;
    struct bytes body, out;
    bool streaming, chat, usage;
    long ticket;
    uint64_t due, events_left;
    enum place place;
    struct conn *before, *after;
};

struct list { struct conn *first, *last; };

static struct conn *conns[MAX_FDS];
static struct list paced, runnable; /* paced: by due time */
static int epoll_fd;

/* ---- lists ---- */

static void list_insert_after(struct list *list, struct conn *place, struct conn *conn) {
    conn->before = place;
    conn->after = place ? place->after : list->first;
    *(conn->after ? &conn->after->before : &list->last) = conn;
    *(place ? &place->after : &list->first) = conn;
}

static void leave_place(struct conn *conn) {
    struct list *list = conn->place == PACED ? &paced : conn->place == RUNNABLE ? &runnable : NULL;
    if (list != NULL) {
        *(conn->before ? &conn->before->after : &list->first) = conn->after;
        *(conn->after ? &conn->after->before : &list->last) = conn->before;
    }
    conn->place = NOWHERE;
}

/* Streams with one interval come nearly in order, so the walk from the end is short. */
static void wait_for_turn(struct conn *conn, uint64_t due) {
    leave_place(conn);
    if (settings.interval_us == 0) {
        conn->place = RUNNABLE;
        list_insert_after(&runnable, runnable.last, conn);
        return;
    }
    struct conn *place = paced.last;
    while (place != NULL && place->due > due) place = place->before;
    conn->due = due;
    conn->place = PACED;
    list_insert_after(&paced, place, conn);
}

/* ---- connections ---- */

static void close_conn(struct conn *conn) {
    if (conn->streaming) {
        stats.disconnects++;
        stats.streams_open--;
        if (conn->ticket >= 0 && left_count < LEFT_MAX) {
            left[left_count].ticket = conn->ticket;
            left[left_count++].ns = now_ns();
        }
        conn->streaming = false;
    }
    leave_place(conn);
    conn->open = false;
    stats.connections_open--;
    bytes_clear(&conn->body);
    bytes_clear(&conn->out);
    close(conn->fd);
}

/* Sends what waits and then data; keeps what the socket does not take. */
static void send_bytes(struct conn *conn, const char *data, size_t size) {
    if (conn->out.start < conn->out.size) {
        bytes_append(&conn->out, data, size);
        return;
    }
    ssize_t sent = send(conn->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        close_conn(conn);
        return;
    }
    if (sent < (ssize_t)size) {
        size_t taken = sent > 0 ? (size_t)sent : 0;
        bytes_append(&conn->out, data + taken, size - taken);
        leave_place(conn);
        conn->place = BLOCKED;
    }
}

static void end_stream(struct conn *conn) {
    struct bytes tail = {0};
    append_end(&tail, conn->chat, conn->usage);
    leave_place(conn);
    conn->streaming = false;
    stats.streams_open--;
    send_bytes(conn, tail.data, tail.size);
    bytes_free(&tail);
}

static void send_event(struct conn *conn) {
    struct span event = event_of_now(conn->chat);
    stats.events++;
    conn->events_left--;
    send_bytes(conn, event.data, event.size);
    if (conn->open && conn->events_left == 0) end_stream(conn);
}

static void begin_stream(struct conn *conn) {
    stats.streams++;
    stats.streams_open++;
    conn->streaming = true;
    conn->events_left = settings.events;
    struct span head = stream_head();
    send_bytes(conn, head.data, head.size);
    if (conn->open) send_event(conn);
    if (!conn->streaming || conn->place == BLOCKED) return;
    /* The second event comes at any time within the interval, so that streams do not march in step. */
    uint64_t interval = settings.interval_us * NS_PER_US;
    wait_for_turn(conn, now_ns() + (interval ? (uint64_t)random() % interval : 0));
}

static uint64_t run_due(uint64_t now) {
    uint64_t interval = settings.interval_us * NS_PER_US;
    while (paced.first != NULL && paced.first->due <= now) {
        struct conn *conn = paced.first;
        leave_place(conn);
        send_event(conn);
        uint64_t next = conn->due + interval;
        if (conn->streaming && conn->place == NOWHERE) wait_for_turn(conn, next > now ? next : now + 1);
    }
    return paced.first ? paced.first->due : 0;
}

static void run_unpaced(void) {
    for (int i = 0; i < UNPACED_TURN && runnable.first != NULL; i++) {
        struct conn *conn = runnable.first;
        send_event(conn);
        if (conn->place == RUNNABLE) wait_for_turn(conn, 0);
    }
}

static void on_writable(struct conn *conn) {
    while (conn->out.start < conn->out.size) {
        ssize_t sent = send(conn->fd, conn->out.data + conn->out.start,
                            conn->out.size - conn->out.start, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return;
        if (sent < 0) {
            close_conn(conn);
            return;
        }
        conn->out.start += (size_t)sent;
    }
    bytes_clear(&conn->out);
    if (conn->place != BLOCKED) return;
    conn->place = NOWHERE;
    if (conn->streaming) wait_for_turn(conn, now_ns() + settings.interval_us * NS_PER_US);
}

/* ---- requests ---- */

static void apply_settings(const char *query) {
    struct { const char *name; uint64_t *value; } known[] = {
        {"interval_us=", &settings.interval_us}, {"events=", &settings.events},
        {"event_bytes=", &settings.event_bytes}, {"answer_bytes=", &settings.answer_bytes},
    };
    while (query != NULL && *query != ' ') {
        query++; /* '?' or '&' */
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strncmp(query, known[i].name, strlen(known[i].name)) == 0)
                *known[i].value = strtoull(query + strlen(known[i].name), NULL, 10);
        query = strpbrk(query, "& ");
    }
    if (settings.events == 0) settings.events = 1;
    make_answers(settings.event_bytes, settings.answer_bytes);
}

static void write_stats(struct bytes *body) {
    bytes_printf(body,
                 "{\"requests\": %llu, \"streams\": %llu, \"streams_open\": %llu, \"events\": %llu, "
                 "\"connections\": %llu, \"connections_open\": %llu, \"disconnects\": %llu, "
                 "\"cpu_seconds\": %.6f, \"left\": [",
                 (unsigned long long)stats.requests, (unsigned long long)stats.streams,
                 (unsigned long long)stats.streams_open, (unsigned long long)stats.events,
                 (unsigned long long)stats.connections, (unsigned long long)stats.connections_open,
                 (unsigned long long)stats.disconnects, cpu_seconds());
    for (size_t i = 0; i < left_count; i++)
        bytes_printf(body, "%s[%ld, %llu]", i ? ", " : "", left[i].ticket, (unsigned long long)left[i].ns);
    bytes_append(body, "]}", 2);
}

/* What is not a completion: control, and what routers ask engines for. */
static void answer_other(struct conn *conn) {
    const char *path = strchr(conn->request.head, ' ');
    const char *status = "200 OK", *type = "application/json";
    struct bytes body = {0}, answer = {0};
    path = path ? path + 1 : "";
    if (strncmp(path, "/settings", 9) == 0) {
        apply_settings(strchr(path, '?'));
        bytes_append(&body, "{}", 2);
    } else if (strncmp(path, "/stats ", 7) == 0) {
        write_stats(&body);
    } else if (strncmp(path, "/v1/models", 10) == 0) {
        bytes_printf(&body, "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\","
                            "\"created\":1700000000,\"owned_by\":\"vllm\",\"max_model_len\":131072}]}");
    } else if (strncmp(path, "/metrics", 8) == 0) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        bytes_printf(&body,
                     "vllm:num_requests_running{model_name=\"bench\"} %llu\n"
                     "vllm:num_requests_waiting{model_name=\"bench\"} 0\n"
                     "vllm:kv_cache_usage_perc{model_name=\"bench\"} 0.1\n",
                     (unsigned long long)stats.streams_open);
    } else if (strncmp(path, "/health", 7) == 0) {
        bytes_append(&body, "{}", 2);
    } else if (strstr(path, "_info ") != NULL) { /* /get_server_info, /model_info, … of SGLang */
        bytes_printf(&body, "{\"model_path\":\"bench\",\"served_model_name\":\"bench\","
                            "\"tokenizer_path\":\"bench\",\"is_generation\":true}");
    } else {
        status = "404 Not Found";
        bytes_printf(&body, "{\"detail\":\"Not Found\"}");
    }
    append_answer(&answer, status, type, &body);
    send_bytes(conn, answer.data, answer.size);
    bytes_free(&body);
    bytes_free(&answer);
}

/* Routers that re-encode a body move its fields, so both ends are searched; the prompt lies between. */
static const char *find(const struct bytes *body, const char *text) {
    enum { WINDOW = 2048 };
    size_t head = body->size < WINDOW ? body->size : WINDOW;
    size_t tail = body->size - head < WINDOW ? body->size - head : WINDOW;
    const char *found = memmem(body->data, head, text, strlen(text));
    return found ? found : memmem(body->data + body->size - tail, tail, text, strlen(text));
}

/* Whether `"name": true` stands in the body. */
static bool is_true(const struct bytes *body, const char *name) {
    const char *value = find(body, name);
    if (value == NULL) return false;
    value += strlen(name);
    while (*value == ' ' || *value == ':') value++;
    return *value == 't';
}

static void on_request(struct conn *conn) {
    bool asks_model = strncmp(conn->request.head, "POST ", 5) == 0
        && memmem(conn->request.head, strcspn(conn->request.head, "\r"), "/completions", 12) != NULL;
    if (!asks_model) {
        answer_other(conn);
    } else {
        stats.requests++;
        conn->chat = strstr(conn->request.head, "/chat/completions ") != NULL;
        bytes_append(&conn->body, "", 1); /* an end for those who look beyond a name */
        if (is_true(&conn->body, "\"stream\"")) {
            const char *ticket = find(&conn->body, "ticket-");
            conn->ticket = ticket ? strtol(ticket + 7, NULL, 10) : -1;
            conn->usage = is_true(&conn->body, "\"include_usage\"");
            begin_stream(conn);
        } else {
            struct span answer = completion(conn->chat);
            send_bytes(conn, answer.data, answer.size);
        }
    }
    bytes_clear(&conn->body);
    http_reset(&conn->request);
}

/* `closing`: the other side has said that nothing comes after what is there. */
static void on_readable(struct conn *conn, bool closing) {
    static char buffer[256 * 1024];
    while (conn->open) {
        ssize_t size = recv(conn->fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) return;
        /* While a stream runs, no router has anything to say but that it leaves. */
        if (size <= 0 || conn->streaming) {
            close_conn(conn);
            return;
        }
        for (size_t used = 0; used < (size_t)size && conn->open;) {
            struct span body;
            used += http_feed(&conn->request, buffer + used, (size_t)size - used, &body);
            bytes_append(&conn->body, body.data, body.size);
            if (conn->request.state == HTTP_DONE) on_request(conn);
            else if (conn->request.state == HTTP_BAD) close_conn(conn);
        }
        if ((size_t)size < sizeof buffer && !closing) return; /* a short read empties the socket */
    }
}

static struct conn *add(int fd, bool listens) {
    if (fd >= MAX_FDS) die("too many connections");
    if (conns[fd] == NULL) conns[fd] = must_alloc(1, sizeof *conns[fd]);
    struct conn *conn = conns[fd];
    conn->fd = fd;
    conn->open = true;
    conn->listens = listens;
    http_reset(&conn->request);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.ptr = conn}};
    if (!listens) event.events |= EPOLLOUT | EPOLLRDHUP;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl: %s", strerror(errno));
    return conn;
}

static void on_connection(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        stats.connections++;
        stats.connections_open++;
        add(fd, false);
    }
}

/* Returns the port. */
static uint16_t listen_on(struct sockaddr_in address) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0)
        die("cannot listen on %s:%d: %s", inet_ntoa(address.sin_addr), ntohs(address.sin_port),
            strerror(errno));
    getsockname(fd, (struct sockaddr *)&address, &size);
    add(fd, true);
    return ntohs(address.sin_port);
}

static void serve(void) {
    struct epoll_event events[BATCH];
    for (;;) {
        uint64_t now = now_ns(), due = run_due(now);
        run_unpaced();
        struct timespec wait = {0};
        if (due != 0) {
            now = now_ns();
            uint64_t ns = due > now ? due - now : 0;
            wait = (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
        }
        bool forever = due == 0 && runnable.first == NULL;
        if (runnable.first != NULL) wait = (struct timespec){0};
        int count = epoll_pwait2(epoll_fd, events, BATCH, forever ? NULL : &wait, NULL);
        if (count < 0 && errno != EINTR) die("epoll_pwait2: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn->listens) {
                on_connection(conn->fd);
                continue;
            }
            bool closing = events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
            if (conn->open && (closing || events[i].events & EPOLLIN)) on_readable(conn, closing);
            if (conn->open && events[i].events & EPOLLOUT) on_writable(conn);
        }
    }
}

int backend_main(int argc, char **argv) {
    struct option options[] = {
        {"address", "127.77.0.1"}, {"addresses", "1"}, {"port", "0"}, {"seconds", "3600"}, {NULL, NULL},
    };
    parse_options(argc, argv, options, sizeof options / sizeof *options);
    struct sockaddr_in address = loopback_address(option_text(options, "address"));
    int addresses = (int)option_number(options, "addresses", 1, 1000);
    address.sin_port = htons((uint16_t)option_number(options, "port", 0, 65535));
    bound_life((unsigned)option_number(options, "seconds", 1, 86400));
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    make_answers(settings.event_bytes, settings.answer_bytes);
    struct in_addr first = address.sin_addr;
    for (int i = 0; i < addresses; i++) {
        address.sin_addr.s_addr = htonl(ntohl(first.s_addr) + (uint32_t)i);
        address.sin_port = htons(listen_on(address));
    }
    printf("{\"address\": \"%s\", \"port\": %d, \"addresses\": %d}\n", inet_ntoa(first),
           ntohs(address.sin_port), addresses);
    fflush(stdout);
    serve();
    return 0;
}
