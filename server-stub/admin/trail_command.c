/*
 * admin/trail_command.c - rove-hq acts verify: whether the record of acts is as it was recorded.
 */
#include "admin/trail_command.h"

#include <string.h>

#include "base/text.h"
#include "print.h"
#include "trail.h"

#define HEX_SIZE     (2 * ROVE_SHA256_SIZE + 1)
#define SENTENCE_MAX 160

typedef struct verifying {
    hq *headquarters;
    trail_report report;
    int64_t number; /* that was noted; 0: none */
    uint8_t hash[ROVE_SHA256_SIZE];
    int other; /* the record is not the one that was noted */
} verifying;

static rove_status verify(void *ctx, rove__hq_tx *tx, rove_error *error) {
    verifying *self = ctx;
    uint8_t hash[ROVE_SHA256_SIZE];
    (void)error;
    trail_source source;
    trail_source_of(self->headquarters, &source);
    rove_status status = trail_verify(&source, tx, 0, &self->report);
    if (status != ROVE_OK || self->number == 0) {
        return status;
    }
    status = trail_hash_of(self->headquarters, tx, self->number, hash);
    self->other = status != ROVE_OK || memcmp(hash, self->hash, sizeof hash) != 0;
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static void describe(const verifying *self, char sentence[SENTENCE_MAX]) {
    const trail_report *report = &self->report;
    const char *fixed = trail_sentence(report->finding);
    const char *at = strstr(fixed, "%lld");
    if (at != NULL) { /* the number stands where the sentence has it */
        rove__text_format(sentence, SENTENCE_MAX, "%.*s%lld%s", (int)(at - fixed), fixed,
                          (long long)report->number, at + 4);
    } else if (self->other) {
        rove__text_format(sentence, SENTENCE_MAX,
                          "This is not the record that was noted: entry %lld is another one.",
                          (long long)self->number);
    } else {
        rove__text_format(sentence, SENTENCE_MAX, "%s",
                          report->finding == TRAIL_EMPTY ? "Nothing was sealed yet." : "");
    }
}

int acts_verify(hq *headquarters, const hq_io *io, const char *noted) {
    verifying self = {.headquarters = headquarters};
    rove_error error = {.code = 0};
    char hex[HEX_SIZE] = "";
    char sentence[SENTENCE_MAX];
    if (noted != NULL && !trail_parse(noted, &self.number, self.hash)) {
        hq_complain(io,
                    "rove-hq: --expect takes NUMBER:HASH, as an earlier `acts verify` gave it\n");
        return HQ_EXIT_USAGE;
    }
    rove_status status = hq_read(headquarters, verify, &self, &error);
    if (status != ROVE_OK) {
        return hq_failed(io, status, &error);
    }
    const trail_report *report = &self.report;
    int sound = (report->finding == TRAIL_SOUND || report->finding == TRAIL_EMPTY) && !self.other;
    rove__text_hex(report->hash, ROVE_SHA256_SIZE, hex);
    describe(&self, sentence);
    if (io->json) {
        (void)hq_print_json(io, json_pack("{s:b, s:I, s:I, s:s, s:I, s:s}", "sound", sound,
                                          "entries", (json_int_t)report->sound, "newest",
                                          (json_int_t)report->newest, "hash", hex, "wrong",
                                          (json_int_t)report->number, "why", sentence));
    } else if (!sound) {
        hq_print(io, "%s\n%llu entries are as they were recorded.\n", sentence,
                 (unsigned long long)report->sound);
    } else if (report->finding == TRAIL_EMPTY) {
        hq_print(io, "%s\n", sentence);
    } else {
        hq_print(io, "All %llu entries are as they were recorded, up to %lld:%s\n",
                 (unsigned long long)report->sound, (long long)report->newest, hex);
    }
    return sound ? HQ_EXIT_DONE : HQ_EXIT_FAILED;
}
