/* An incremental HTTP/1.1 parser for well-meaning peers: heads, lengths and chunks. It checks what a
 * measurement could be wrong about, not what an attacker could send. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_reset(struct http *http) {
    http->state = HTTP_HEAD;
    http->keep_alive = true;
    http->status = 0;
    http->left = 0;
    http->head_size = 0;
    http->line_size = 0;
}

/* The value of a header line where it is `name`, NULL otherwise. */
static const char *value_if(const char *line, const char *name) {
    size_t size = strlen(name);
    if (strncasecmp(line, name, size) != 0 || line[size] != ':') return NULL;
    line += size + 1;
    while (*line == ' ' || *line == '\t') line++;
    return line;
}

/* Reads the whole head and says what comes after it. */
static void read_head(struct http *http) {
    const char *line = http->head;
    bool chunked = false, sized = false;
    if (strncmp(line, "HTTP/1.", 7) == 0) {
        http->status = atoi(line + 9);
        http->keep_alive = line[7] != '0';
        if (http->status < 100 || http->status > 599) {
            http->state = HTTP_BAD;
            return;
        }
    }
    while ((line = strstr(line, "\r\n")) != NULL && *(line += 2) != '\0') {
        const char *value;
        if ((value = value_if(line, "content-length")) != NULL) {
            http->left = strtoull(value, NULL, 10);
            sized = true;
        } else if ((value = value_if(line, "transfer-encoding")) != NULL) {
            chunked = strncasecmp(value, "chunked", 7) == 0;
        } else if ((value = value_if(line, "connection")) != NULL) {
            http->keep_alive = strncasecmp(value, "close", 5) != 0;
        }
    }
    bool empty = http->status == 204 || http->status == 304 || http->status == 0;
    if (http->status >= 100 && http->status < 200) http_reset(http);
    else if (chunked) http->state = HTTP_CHUNK_SIZE, http->left = 0;
    else if (sized) http->state = http->left ? HTTP_LENGTH : HTTP_DONE;
    else http->state = empty ? HTTP_DONE : HTTP_UNTIL_CLOSE;
}

static size_t feed_head(struct http *http, const char *data, size_t size) {
    size_t before = http->head_size;
    size_t room = HEAD_MAX - before;
    size_t taken = size < room ? size : room;
    memcpy(http->head + before, data, taken);
    http->head_size += taken;
    http->head[http->head_size] = '\0';
    size_t from = before > 3 ? before - 3 : 0;
    char *end = memmem(http->head + from, http->head_size - from, "\r\n\r\n", 4);
    if (end == NULL) {
        if (http->head_size == HEAD_MAX) http->state = HTTP_BAD;
        return taken;
    }
    http->head_size = (size_t)(end - http->head) + 4;
    end[2] = '\0'; /* the last line keeps its CRLF, the empty one goes */
    size_t used = http->head_size - before;
    read_head(http);
    return used;
}

/* One byte of `1a2b;extension\r\n`. */
static void feed_chunk_size(struct http *http, char byte) {
    if (byte == '\n') {
        http->state = http->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
        http->line_size = 0;
    } else if (http->line_size == 0) {
        int digit = byte >= '0' && byte <= '9' ? byte - '0'
            : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
        if (digit >= 0) http->left = http->left << 4 | (unsigned)digit;
        else http->line_size = 1; /* extension or CR: the size is known */
    }
}

static void feed_trailer(struct http *http, char byte) {
    if (byte == '\n') {
        http->state = http->line_size ? HTTP_TRAILER : HTTP_DONE;
        http->line_size = 0;
    } else if (byte != '\r') {
        http->line_size++;
    }
}

size_t http_feed(struct http *http, const char *data, size_t size, struct span *body) {
    size_t taken;
    body->size = 0;
    if (size == 0) return 0;
    switch (http->state) {
    case HTTP_HEAD:
        return feed_head(http, data, size);
    case HTTP_LENGTH:
    case HTTP_CHUNK_DATA:
        taken = size < http->left ? size : (size_t)http->left;
        *body = (struct span){data, taken};
        http->left -= taken;
        if (http->left == 0) http->state = http->state == HTTP_LENGTH ? HTTP_DONE : HTTP_CHUNK_END;
        return taken;
    case HTTP_UNTIL_CLOSE:
        *body = (struct span){data, size};
        return size;
    case HTTP_CHUNK_SIZE:
        feed_chunk_size(http, *data);
        return 1;
    case HTTP_CHUNK_END:
        if (*data == '\n') {
            http->state = HTTP_CHUNK_SIZE;
        } else if (*data != '\r') {
            http->state = HTTP_BAD;
        }
        return 1;
    case HTTP_TRAILER:
        feed_trailer(http, *data);
        return 1;
    default:
        return 0;
    }
}

bool http_complete_at_close(const struct http *http) { return http->state == HTTP_UNTIL_CLOSE; }
