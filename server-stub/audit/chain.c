/*
 * audit/chain.c - see chain.h.
 */
#include "audit/chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const char *audit_kind_name(audit_kind kind) {
    static const char *const names[AUDIT_KINDS] = {
        [AUDIT_MERGED] = "merged",   [AUDIT_UNSIGNED] = "unsigned", [AUDIT_UNKNOWN] = "unknown",
        [AUDIT_RENAMED] = "renamed", [AUDIT_EDITED] = "edited",     [AUDIT_FORGED] = "forged",
        [AUDIT_MISSING] = "missing", [AUDIT_BROKEN] = "broken",     [AUDIT_FORKED] = "forked",
        [AUDIT_DATED] = "dated",     [AUDIT_SUSPECT] = "suspect",   [AUDIT_MOCKED] = "mocked"};

    return names[kind];
}

const char *audit_where_name(audit_where where) {
    static const char *const names[AUDIT_WHERES] = {[AUDIT_IN_RECORD] = "record",
                                                    [AUDIT_IN_REVIEW] = "review",
                                                    [AUDIT_IN_RETURNED] = "returned",
                                                    [AUDIT_IN_WAITING] = "waiting",
                                                    [AUDIT_IN_CONFLICT] = "conflict"};

    return names[where];
}

void audit_chains_init(audit_chains *chains, const rove_allocator *allocator) {
    memset(chains, 0, sizeof *chains);
    chains->allocator = allocator;
}

void audit_chains_free(audit_chains *chains) {
    rove__free(chains->allocator, chains->links);
}

rove_status audit_chains_add(audit_chains *chains, const audit_link *link) {
    if (chains->count == chains->capacity) {
        size_t capacity = chains->capacity == 0 ? 256 : chains->capacity * 2;
        audit_link *links =
            rove__alloc_resize(chains->allocator, chains->links, capacity, sizeof *links);
        if (links == NULL) {
            return ROVE_NOMEM;
        }
        chains->links = links;
        chains->capacity = capacity;
    }
    chains->links[chains->count++] = *link;
    return ROVE_OK;
}

static int compare_seals(const void *a, const void *b) {
    const audit_link *x = a;
    const audit_link *y = b;

    if (x->replica != y->replica) {
        return x->replica < y->replica ? -1 : 1;
    }
    if (x->ordinal != y->ordinal) {
        return x->ordinal < y->ordinal ? -1 : 1;
    }
    return memcmp(x->hash, y->hash, sizeof x->hash);
}

static int compare(const void *a, const void *b) {
    const audit_link *x = a;
    const audit_link *y = b;
    int order = compare_seals(a, b);

    return order != 0 ? order : (int)x->where - (int)y->where;
}

void audit_chains_sort(audit_chains *chains) {
    size_t kept = 0;

    if (chains->count > 1) {
        qsort(chains->links, chains->count, sizeof *chains->links, compare);
    }
    for (size_t i = 0; i < chains->count; i++) {
        if (kept == 0 || compare_seals(&chains->links[kept - 1], &chains->links[i]) != 0) {
            chains->links[kept++] = chains->links[i];
        }
    }
    chains->count = kept;
}

int audit_chains_has(const audit_chains *chains, size_t sorted, const audit_link *link) {
    return sorted > 0 &&
           bsearch(link, chains->links, sorted, sizeof *chains->links, compare_seals) != NULL;
}

static int has_hash(const audit_link *links, size_t count, const uint8_t *hash) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp(links[i].hash, hash, ROVE_SHA256_SIZE) == 0) {
            return 1;
        }
    }
    return 0;
}

static audit_finding finding_of(audit_kind kind, const audit_link *link) {
    return (audit_finding){.kind = kind,
                           .replica = link->replica,
                           .ordinal = link->ordinal,
                           .entity = link->entity,
                           .id = link->id,
                           .where = link->where};
}

/* `count` seals of one number and ordinal, `before` those of the ordinal that came before it here. */
typedef struct step {
    const audit_link *links;
    size_t count;
    const audit_link *before;
    size_t before_count;
} step;

static rove_status report_gap(const step *s, audit_reporter report, void *ctx) {
    audit_finding finding = finding_of(AUDIT_MISSING, s->links);
    uint64_t first = s->before_count > 0 ? s->before->ordinal + 1 : 1;
    uint64_t last = s->links->ordinal - 1;

    finding.ordinal = first;
    finding.count = last - first + 1;
    if (first == last) {
        rove__text_format(finding.text, sizeof finding.text,
                          "seal %" PRIu64 " is not here; seal %" PRIu64
                          ", of this record, names it",
                          first, s->links->ordinal);
    } else {
        rove__text_format(finding.text, sizeof finding.text,
                          "seals %" PRIu64 " to %" PRIu64 " are not here; seal %" PRIu64
                          ", of this record, follows them",
                          first, last, s->links->ordinal);
    }
    return report(ctx, &finding);
}

/* The first of a chain names the last one under the number before, or none. */
static int begins_well(const audit_chains *chains, const audit_link *link) {
    static const uint8_t nothing[ROVE_SHA256_SIZE] = {0};

    return memcmp(link->previous, nothing, sizeof nothing) == 0 ||
           has_hash(chains->links, chains->count, link->previous);
}

static rove_status check_link(const audit_chains *chains, const step *s, const audit_link *link,
                              audit_reporter report, void *ctx) {
    audit_finding finding = finding_of(AUDIT_BROKEN, link);

    if (link->ordinal == 1) {
        if (begins_well(chains, link)) {
            return ROVE_OK;
        }
        finding.kind = AUDIT_MISSING;
        finding.count = 1;
        rove__text_format(finding.text, sizeof finding.text,
                          "it names a seal under the number that the device had before, "
                          "which is not here");
        return report(ctx, &finding);
    }
    if (has_hash(s->before, s->before_count, link->previous)) {
        return ROVE_OK;
    }
    rove__text_format(finding.text, sizeof finding.text,
                      "it does not name the seal before it, %" PRIu64 ", as that is here",
                      link->ordinal - 1);
    return report(ctx, &finding);
}

static rove_status check_step(const audit_chains *chains, const step *s, audit_reporter report,
                              void *ctx) {
    int adjoins =
        s->before_count > 0 ? s->before->ordinal + 1 == s->links->ordinal : s->links->ordinal == 1;
    rove_status status = adjoins ? ROVE_OK : report_gap(s, report, ctx);

    for (size_t i = 0; i < s->count && adjoins && status == ROVE_OK; i++) {
        status = check_link(chains, s, &s->links[i], report, ctx);
    }
    for (size_t i = 1; i < s->count && status == ROVE_OK; i++) {
        audit_finding finding = finding_of(AUDIT_FORKED, &s->links[i]);
        rove__text_format(finding.text, sizeof finding.text,
                          "there is another seal %" PRIu64 " of this device, of record %" PRId64
                          ": it was copied or restored",
                          s->links->ordinal, s->links->id);
        status = report(ctx, &finding);
    }
    return status;
}

rove_status audit_chains_check(audit_chains *chains, audit_reporter report, void *ctx) {
    step s = {.count = 0};
    rove_status status = ROVE_OK;

    audit_chains_sort(chains);
    for (size_t at = 0; at < chains->count && status == ROVE_OK; at += s.count) {
        const audit_link *first = &chains->links[at];
        size_t count = 1;
        while (at + count < chains->count && first[count].replica == first->replica &&
               first[count].ordinal == first->ordinal) {
            count++;
        }
        int goes_on = at > 0 && chains->links[at - 1].replica == first->replica;
        s.before = goes_on ? s.links : NULL;
        s.before_count = goes_on ? s.count : 0;
        s.links = first;
        s.count = count;
        status = check_step(chains, &s, report, ctx);
    }
    return status;
}
