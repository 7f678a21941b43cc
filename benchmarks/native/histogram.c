/* A histogram with a constant relative error: 64 buckets for each power of two. */
#include "bench.h"

#include <stdio.h>

static size_t bucket_of(uint64_t value) {
    if (value < 1u << HISTOGRAM_SUB_BITS) return (size_t)value;
    int shift = 63 - __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    size_t bucket = ((size_t)(shift + 1) << HISTOGRAM_SUB_BITS)
        + (size_t)((value >> shift) & ((1u << HISTOGRAM_SUB_BITS) - 1));
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static double value_of(size_t bucket) {
    if (bucket < 1u << HISTOGRAM_SUB_BITS) return (double)bucket;
    int shift = (int)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t low = ((bucket & ((1u << HISTOGRAM_SUB_BITS) - 1)) | 1u << HISTOGRAM_SUB_BITS);
    return (double)(low << shift) + (double)(1ull << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->count++;
    histogram->sum += ns;
    if (ns > histogram->max) histogram->max = ns;
    histogram->buckets[bucket_of(ns)]++;
}

static double quantile(const struct histogram *histogram, double share) {
    uint64_t rank = (uint64_t)(share * (double)histogram->count), seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > rank) return value_of(i) < (double)histogram->max ? value_of(i) : (double)histogram->max;
    }
    return (double)histogram->max;
}

void histogram_json(struct bytes *out, const char *name, const struct histogram *histogram) {
    double count = histogram->count ? (double)histogram->count : 1;
    bytes_printf(
        out,
        "\"%s\": {\"count\": %llu, \"mean\": %.2f, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
        "\"p999\": %.2f, \"max\": %.2f}",
        name, (unsigned long long)histogram->count, (double)histogram->sum / count / 1e3,
        quantile(histogram, 0.5) / 1e3, quantile(histogram, 0.9) / 1e3,
        quantile(histogram, 0.99) / 1e3, quantile(histogram, 0.999) / 1e3,
        (double)histogram->max / 1e3);
}
