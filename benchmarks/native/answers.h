/* What the backend sends; see answers.c. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "bench.h"

/* Makes completions and events of these sizes; longer where they cannot be so short. */
void make_answers(size_t event_bytes, size_t answer_bytes);

/* A whole answer: head and one JSON body. */
struct span completion(bool chat);

/* The head of a stream. */
struct span stream_head(void);

/* One event, as a chunk of its own, with the time of now in it; good until the next call. */
struct span event_of_now(bool chat);

/* The end of a stream: with the usage event where that was asked for. */
void append_end(struct bytes *out, bool chat, bool usage);

/* Any other answer. */
void append_answer(struct bytes *out, const char *status, const char *type, const struct bytes *body);

#endif
