/* The request that the load generator sends: a completion with a prompt that fills it up. */
#include "bench.h"

#include <arpa/inet.h>
#include <string.h>

/* Text as people write it: words, ends of lines, quotes. */
static const char FILLER[] =
    "The router reads the model's name and passes the rest on as it came. \\\"Why?\\\" Since what it does "
    "not touch it cannot break.\\n";

static void append_filler(struct bytes *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char letter = FILLER[i % (sizeof FILLER - 1)];
        if (letter == '\\' && i + 1 == size) letter = '.'; /* no half escapes */
        bytes_append(out, &letter, 1);
    }
}

static void append_body(struct bytes *out, const char *before, long ticket, size_t size, const char *after) {
    bytes_append(out, before, strlen(before));
    size_t start = out->size;
    if (ticket >= 0) bytes_printf(out, "ticket-%ld ", ticket);
    size_t used = strlen(before) + strlen(after) + (out->size - start);
    append_filler(out, size > used ? size - used : 1);
    bytes_append(out, after, strlen(after));
}

void request_make(struct bytes *out, const struct sockaddr_in *target, const struct request_form *form) {
    bool chat = strstr(form->path, "/chat/") != NULL;
    struct bytes before = {0}, body = {0};
    bytes_printf(&before,
                 "{\"model\":\"%s\",\"stream\":%s,\"max_tokens\":64,\"temperature\":0,%s",
                 form->model, form->stream ? "true" : "false",
                 chat ? "\"messages\":[{\"role\":\"user\",\"content\":\"" : "\"prompt\":\"");
    bytes_append(&before, "", 1);
    append_body(&body, before.data, form->ticket, form->body_bytes, chat ? "\"}]}" : "\"}");
    bytes_printf(out,
                 "POST %s HTTP/1.1\r\nhost: %s:%d\r\nuser-agent: bench\r\naccept: */*\r\n"
                 "content-type: application/json\r\ncontent-length: %zu\r\n\r\n",
                 form->path, inet_ntoa(target->sin_addr), ntohs(target->sin_port), body.size);
    bytes_append(out, body.data, body.size);
    bytes_free(&before);
    bytes_free(&body);
}
