/* What the backend sends: heads, completions and events in the two forms of the API, made once for each
 * change of the settings. */
#include "answers.h"

#include <stdio.h>
#include <string.h>

#define STAMP_DIGITS 18

/* By form: completions, chat completions. `stamps` is where the digits in an event go. */
static struct bytes completions[2], events[2];
static size_t stamps[2];

static const char *const EVENT[2] = {
    "data: {\"id\":\"cmpl-bench\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"text\":\"@%018d%*s\",\"logprobs\":null,\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@%018d%*s\"},"
    "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
};
static const char *const ANSWER[2] = {
    "{\"id\":\"cmpl-bench\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"text\":\"A\",\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":64,\"total_tokens\":128,\"completion_tokens\":64}%*s}",
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A\"},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":64,\"total_tokens\":128,\"completion_tokens\":64}%*s}",
};
static const char *const USAGE[2] = {
    "data: {\"id\":\"cmpl-bench\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"bench\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":64,\"total_tokens\":128,\"completion_tokens\":64}}\n\n",
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
    "\"model\":\"bench\",\"choices\":[],"
    "\"usage\":{\"prompt_tokens\":64,\"total_tokens\":128,\"completion_tokens\":64}}\n\n",
};
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
    "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

void append_answer(struct bytes *out, const char *status, const char *type, const struct bytes *body) {
    bytes_printf(out,
                 "HTTP/1.1 %s\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
                 "content-length: %zu\r\ncontent-type: %s\r\n\r\n",
                 status, body->size, type);
    bytes_append(out, body->data, body->size);
}

static void append_chunk(struct bytes *out, const char *data, size_t size) {
    bytes_printf(out, "%zx\r\n", size);
    bytes_append(out, data, size);
    bytes_append(out, "\r\n", 2);
}

static int padding(size_t wanted, size_t shortest) {
    return wanted > shortest ? (int)(wanted - shortest) : 0;
}

void make_answers(size_t event_bytes, size_t answer_bytes) {
    struct bytes text = {0};
    for (int chat = 0; chat < 2; chat++) {
        size_t shortest = (size_t)snprintf(NULL, 0, EVENT[chat], 0, 0, "");
        bytes_clear(&text);
        bytes_printf(&text, EVENT[chat], 0, padding(event_bytes, shortest), "");
        bytes_clear(&events[chat]);
        append_chunk(&events[chat], text.data, text.size);
        char *at = memchr(events[chat].data, '@', events[chat].size);
        stamps[chat] = (size_t)(at - events[chat].data) + 1;

        shortest = (size_t)snprintf(NULL, 0, ANSWER[chat], 0, "");
        bytes_clear(&text);
        bytes_printf(&text, ANSWER[chat], padding(answer_bytes, shortest), "");
        bytes_clear(&completions[chat]);
        append_answer(&completions[chat], "200 OK", "application/json", &text);
    }
    bytes_free(&text);
}

struct span completion(bool chat) {
    return (struct span){completions[chat].data, completions[chat].size};
}

struct span stream_head(void) { return (struct span){STREAM_HEAD, sizeof STREAM_HEAD - 1}; }

struct span event_of_now(bool chat) {
    uint64_t now = now_ns();
    char *digits = events[chat].data + stamps[chat];
    for (int i = STAMP_DIGITS - 1; i >= 0; i--, now /= 10) digits[i] = (char)('0' + now % 10);
    return (struct span){events[chat].data, events[chat].size};
}

void append_end(struct bytes *out, bool chat, bool usage) {
    if (usage) append_chunk(out, USAGE[chat], strlen(USAGE[chat]));
    append_chunk(out, "data: [DONE]\n\n", 14);
    bytes_append(out, "0\r\n\r\n", 5);
}
