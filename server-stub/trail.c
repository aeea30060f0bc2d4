/*
 * trail.c - see trail.h.
 *
 * Acts are scanned from the newest to the oldest, and the seals of neighbours lie beside each other: so one pass, with two
 * seals at a time in memory, finds the oldest entry that is wrong, whatever was done to those after it.
 */
#include "trail.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/text.h"
#include "keys.h"
#include "path.h"

#define ENTRY_MARK      "rove act 1"
#define NEWEST_MARK     "rove acts 1"
#define NEWEST_KEY      "act/newest"
#define PUBLIC_KEY      "act/key/"
#define PUBLIC_NAME_MAX (sizeof PUBLIC_KEY + TRAIL_PIN_SIZE)
#define NOTE_FILE       "acts.head"
#define NOTE_MAX        128
#define ENTRY_MAX       ((size_t)64 * 1024)
#define ARENA_MAX       ((size_t)64 * 1024 * 1024)
#define SEAL_SIZE                                                                                  \
    ((size_t)2 * ROVE_SHA256_SIZE + 1 + ROVE_PKI_SIGNATURE_MAX) /* without the number */

/* What is kept of an entry, or of the newest one. */
typedef struct seal {
    int64_t number; /* of "act/newest" alone */
    uint8_t hash[ROVE_SHA256_SIZE];
    uint8_t pin[ROVE_SHA256_SIZE];
    uint8_t signature[ROVE_PKI_SIGNATURE_MAX];
    size_t signature_size;
} seal;

static const rove_allocator *allocator_of(const hq *headquarters) {
    return &hq_get_ports(headquarters)->allocator;
}

/* ---- bytes ------------------------------------------------------------------------------------------------ */

static rove_status hash_entry(const hq_ports *ports, const uint8_t before[ROVE_SHA256_SIZE],
                              const rove__hq_act *act, uint8_t out[ROVE_SHA256_SIZE]) {
    const rove_crypto *crypto = &ports->crypto;
    rove__buf bytes;
    rove__buf_init(&bytes, &ports->allocator, ENTRY_MAX);
    rove__buf_append(&bytes, ENTRY_MARK, sizeof ENTRY_MARK - 1);
    rove__buf_append(&bytes, before, ROVE_SHA256_SIZE);
    rove__buf_u64(&bytes, (uint64_t)act->number);
    rove__buf_u64(&bytes, (uint64_t)act->at_ms);
    rove__buf_bytes(&bytes, act->operator_name, strlen(act->operator_name));
    rove__buf_bytes(&bytes, act->act, strlen(act->act));
    rove__buf_bytes(&bytes, act->detail, strlen(act->detail));
    rove__buf_u64(&bytes, act->seq);
    rove_status status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        rove_span span = {bytes.data, bytes.size};
        status = crypto->sha256(crypto->ctx, &span, 1, out);
    }
    rove__buf_free(&bytes);
    return status;
}

/* What is signed; how many bytes. */
static size_t message_of(const seal *of, int newest, uint8_t message[64]) {
    const char *mark = newest ? NEWEST_MARK : ENTRY_MARK;
    size_t size = strlen(mark);
    memcpy(message, mark, size);
    if (newest) {
        size += rove__u64_put(message + size, (uint64_t)of->number);
    }
    memcpy(message + size, of->hash, ROVE_SHA256_SIZE);
    return size + ROVE_SHA256_SIZE;
}

static void key_of(char key[ROVE_NAME_MAX], int64_t number) {
    rove__text_format(key, ROVE_NAME_MAX, "act/%lld", (long long)number);
}

static int holds(const seal *of, int newest, const uint8_t *public_der, size_t public_size) {
    uint8_t message[64];
    return rove_pki_verify_public(public_der, public_size, message, message_of(of, newest, message),
                                  of->signature, of->signature_size, NULL) == ROVE_OK;
}

/* 1: a rotation was recorded, and server-next.key is not server.key yet. What somebody writes here is not enough. */
static int is_by_next(const hq_server_key *next, const seal *newest) {
    return next->signer != NULL && memcmp(next->pin, newest->pin, sizeof newest->pin) == 0 &&
           holds(newest, 1, next->public_der, next->public_size);
}

/* The key with which the record goes on. */
static const hq_server_key *key_after(const hq *headquarters, const seal *newest) {
    const hq_keys *keys = hq_get_keys(headquarters);
    return is_by_next(&keys->next, newest) ? &keys->next : &keys->own;
}

void trail_pin_text(const uint8_t pin[ROVE_SHA256_SIZE], char text[TRAIL_PIN_SIZE]) {
    rove__text_hex(pin, ROVE_SHA256_SIZE, text);
}

static void public_name(char name[PUBLIC_NAME_MAX], const uint8_t pin[ROVE_SHA256_SIZE]) {
    memcpy(name, PUBLIC_KEY, sizeof PUBLIC_KEY);
    trail_pin_text(pin, name + sizeof PUBLIC_KEY - 1);
}

/* For when this key is a former one. */
static rove_status keep_public(hq *headquarters, rove__hq_tx *tx, const hq_server_key *key) {
    const rove__hq_directory *directory = &hq_database(headquarters)->directory;
    char name[PUBLIC_NAME_MAX];
    rove__arena arena;
    rove__bytes kept;
    public_name(name, key->pin);
    rove__arena_init(&arena, allocator_of(headquarters), ENTRY_MAX);
    rove_status status = directory->setting_get(tx, name, &arena, &kept);
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND
               ? directory->setting_put(tx, name, (rove__bytes){key->public_der, key->public_size})
               : status;
}

/* Signs and stores; `newest` 0: as the seal of entry `number`. */
static rove_status put_seal(hq *headquarters, rove__hq_tx *tx, const hq_server_key *by,
                            int64_t number, const uint8_t hash[ROVE_SHA256_SIZE], int newest) {
    uint8_t message[64];
    uint8_t stored[8 + SEAL_SIZE] = {0};
    char key[ROVE_NAME_MAX] = NEWEST_KEY;
    size_t size = 0;
    seal made = {.number = number};
    memcpy(made.hash, hash, sizeof made.hash);
    rove_status status = rove_pki_sign(by->signer, message, message_of(&made, newest, message),
                                       made.signature, &made.signature_size, NULL);
    if (status != ROVE_OK) {
        return status;
    }
    if (newest) {
        size = rove__u64_put(stored, (uint64_t)number);
    } else {
        key_of(key, number);
    }
    memcpy(stored + size, made.hash, ROVE_SHA256_SIZE);
    memcpy(stored + size + ROVE_SHA256_SIZE, by->pin, ROVE_SHA256_SIZE);
    stored[size + 2 * ROVE_SHA256_SIZE] = (uint8_t)made.signature_size;
    memcpy(stored + size + 2 * ROVE_SHA256_SIZE + 1, made.signature, made.signature_size);
    return hq_database(headquarters)
        ->directory.setting_put(tx, key, (rove__bytes){stored, size + SEAL_SIZE});
}

/* NOT_FOUND: there is none, or it is none. */
static rove_status read_seal(const trail_source *source, rove__hq_tx *tx, int64_t number,
                             int newest, seal *out) {
    char key[ROVE_NAME_MAX] = NEWEST_KEY;
    rove__arena arena;
    rove__bytes value;
    rove__reader reader;
    memset(out, 0, sizeof *out);
    if (!newest) {
        key_of(key, number);
    }
    rove__arena_init(&arena, &source->ports->allocator, ENTRY_MAX);
    rove_status status = source->directory->setting_get(tx, key, &arena, &value);
    if (status == ROVE_OK && value.size != SEAL_SIZE + (newest ? 8u : 0u)) {
        status = ROVE_NOT_FOUND;
    }
    if (status == ROVE_OK) {
        rove__reader_init(&reader, value.data, value.size);
        out->number = newest ? (int64_t)rove__reader_u64(&reader) : number;
        memcpy(out->hash, rove__reader_take(&reader, ROVE_SHA256_SIZE), ROVE_SHA256_SIZE);
        memcpy(out->pin, rove__reader_take(&reader, ROVE_SHA256_SIZE), ROVE_SHA256_SIZE);
        size_t size = rove__reader_byte(&reader);
        out->signature_size = size <= ROVE_PKI_SIGNATURE_MAX ? size : 0;
        memcpy(out->signature, rove__reader_take(&reader, ROVE_PKI_SIGNATURE_MAX),
               ROVE_PKI_SIGNATURE_MAX);
    }
    rove__arena_free(&arena);
    return status;
}

void trail_source_of(hq *headquarters, trail_source *source) {
    const hq_keys *keys = hq_get_keys(headquarters);
    *source = (trail_source){.ports = hq_get_ports(headquarters),
                             .folder = hq_folder(headquarters),
                             .directory = &hq_database(headquarters)->directory,
                             .own = &keys->own,
                             .next = &keys->next};
}

static rove_status get_seal(hq *headquarters, rove__hq_tx *tx, int64_t number, int newest,
                            seal *out) {
    trail_source source;
    trail_source_of(headquarters, &source);
    return read_seal(&source, tx, number, newest, out);
}

rove_status trail_hash_of(hq *headquarters, rove__hq_tx *tx, int64_t number,
                          uint8_t hash[ROVE_SHA256_SIZE]) {
    seal found;
    rove_status status = get_seal(headquarters, tx, number, 0, &found);
    if (status == ROVE_OK) {
        memcpy(hash, found.hash, ROVE_SHA256_SIZE);
    }
    return status;
}

/* ---- acts.head -------------------------------------------------------------------------------------------- */

static void note_text(const seal *newest, char text[NOTE_MAX]) {
    char hex[2 * ROVE_SHA256_SIZE + 1];

    rove__text_hex(newest->hash, ROVE_SHA256_SIZE, hex);
    rove__text_format(text, NOTE_MAX, "%lld %s", (long long)newest->number, hex);
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int trail_parse(const char *text, int64_t *number, uint8_t hash[ROVE_SHA256_SIZE]) {
    *number = 0;
    for (; *text >= '0' && *text <= '9' && *number < INT64_MAX / 10 - 1; text++) {
        *number = *number * 10 + (*text - '0');
    }
    if (*number == 0 || (*text != ' ' && *text != ':')) {
        return 0;
    }
    text++;
    for (size_t i = 0; i < ROVE_SHA256_SIZE; i++) {
        int high = digit_of(text[2 * i]);
        int low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
        if (low < 0) {
            return 0;
        }
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * ROVE_SHA256_SIZE] == '\0';
}

/* What acts.head says: NOT_FOUND: there is none. CORRUPT: it says nothing. */
static rove_status read_note(const hq_ports *ports, const char *folder, seal *noted) {
    const rove_files *files = &ports->files;
    char path[HQ_PATH_MAX];
    char text[NOTE_MAX];
    size_t size = 0;
    memset(noted, 0, sizeof *noted);
    rove_status status = hq_join(path, folder, NOTE_FILE, NULL);
    if (status == ROVE_OK) {
        status = files->read(files->ctx, path, text, sizeof text - 1, &size, NULL);
    }
    if (status == ROVE_NOT_FOUND || status == ROVE_IO) {
        return status;
    }
    text[status == ROVE_OK ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return trail_parse(text, &noted->number, noted->hash) ? ROVE_OK : ROVE_CORRUPT;
}

typedef struct noting {
    hq *headquarters;
    seal newest;
    seal noted;
    int told; /* there is a note */
    int ours; /* the record has what it says */
} noting;

static rove_status look_at_newest(void *ctx, rove__hq_tx *tx, rove_error *error) {
    noting *self = ctx;
    seal then;
    (void)error;
    rove_status status = get_seal(self->headquarters, tx, 0, 1, &self->newest);
    if (status == ROVE_OK && self->told) {
        status = get_seal(self->headquarters, tx, self->noted.number, 0, &then);
        self->ours = status == ROVE_OK && self->noted.number <= self->newest.number &&
                     memcmp(then.hash, self->noted.hash, sizeof then.hash) == 0;
        status = status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    return status;
}

void trail_note(hq *headquarters) {
    const hq_ports *ports = hq_get_ports(headquarters);
    noting self = {.headquarters = headquarters};
    char path[HQ_PATH_MAX];
    char text[NOTE_MAX];
    rove_status status = read_note(ports, hq_folder(headquarters), &self.noted);
    self.told = status != ROVE_NOT_FOUND;
    if (status == ROVE_OK || status == ROVE_NOT_FOUND) {
        status = hq_read(headquarters, look_at_newest, &self, NULL);
    }
    if (status == ROVE_NOT_FOUND || (status == ROVE_OK && self.told && !self.ours) ||
        (status == ROVE_OK && self.told && self.noted.number == self.newest.number)) {
        return; /* nothing is sealed, or the note is kept as it is */
    }
    note_text(&self.newest, text);
    if (status == ROVE_OK) {
        status = hq_join(path, hq_folder(headquarters), NOTE_FILE, NULL);
    }
    if (status == ROVE_OK) {
        status = ports->files.replace(ports->files.ctx, path, text, strlen(text), NULL);
    }
    if (status != ROVE_OK) {
        rove__log(&ports->log, ROVE_LOG_WARN, "trail", "acts.head was not written: %s",
                  rove_status_name(status));
    }
}

rove_status trail_forget(const hq_ports *ports, const char *folder, rove_error *error) {
    char path[HQ_PATH_MAX];
    rove_status status = hq_join(path, folder, NOTE_FILE, error);
    return status == ROVE_OK ? ports->files.remove(ports->files.ctx, path, error) : status;
}

/* ---- sealing ---------------------------------------------------------------------------------------------- */

/* A record from before there were seals. */
typedef struct old_acts {
    rove__arena arena;
    rove__hq_act *items; /* newest first */
    size_t count, capacity;
    int64_t below; /* numbers below it */
} old_acts;

static const char *copy_text(rove__arena *arena, const char *text) {
    return rove__arena_copy(arena, text, strlen(text) + 1);
}

static rove_status each_old(void *ctx, const rove__hq_act *act) {
    old_acts *self = ctx;
    if (act->number >= self->below) {
        return ROVE_OK;
    }
    rove__hq_act *items =
        rove__arena_grown(&self->arena, self->items, self->count, &self->capacity, sizeof *items);
    if (items == NULL) {
        return ROVE_NOMEM;
    }
    rove__hq_act *kept = &items[self->count];
    self->items = items;
    *kept = *act;
    kept->operator_name = copy_text(&self->arena, act->operator_name);
    kept->act = copy_text(&self->arena, act->act);
    kept->detail = copy_text(&self->arena, act->detail);
    self->count++;
    return kept->operator_name == NULL || kept->act == NULL || kept->detail == NULL ? ROVE_NOMEM
                                                                                    : ROVE_OK;
}

static rove_status seal_one(hq *headquarters, rove__hq_tx *tx, const hq_server_key *by,
                            const rove__hq_act *act, uint8_t hash[ROVE_SHA256_SIZE]) {
    uint8_t after[ROVE_SHA256_SIZE];
    rove_status status = hash_entry(hq_get_ports(headquarters), hash, act, after);
    if (status == ROVE_OK) {
        status = put_seal(headquarters, tx, by, act->number, after, 0);
    }
    if (status == ROVE_OK) {
        memcpy(hash, after, sizeof after);
    }
    return status;
}

/* What is there is sealed as it stands: once, before the first act that seals itself. */
static rove_status seal_old(hq *headquarters, rove__hq_tx *tx, int64_t below,
                            uint8_t hash[ROVE_SHA256_SIZE]) {
    old_acts old = {.below = below};
    rove__arena_init(&old.arena, allocator_of(headquarters), ARENA_MAX);
    rove_status status = hq_database(headquarters)->directory.act_scan(tx, each_old, &old);
    for (size_t i = old.count; i > 0 && status == ROVE_OK; i--) {
        status =
            seal_one(headquarters, tx, &hq_get_keys(headquarters)->own, &old.items[i - 1], hash);
    }
    rove__arena_free(&old.arena);
    return status;
}

rove_status trail_append(hq *headquarters, rove__hq_tx *tx, const rove__hq_act *act) {
    uint8_t hash[ROVE_SHA256_SIZE] = {0};
    seal newest;
    rove_status status = get_seal(headquarters, tx, 0, 1, &newest);
    const hq_server_key *by = key_after(headquarters, &newest);
    if (status == ROVE_OK) {
        memcpy(hash, newest.hash, sizeof hash);
    } else if (status == ROVE_NOT_FOUND &&
               read_note(hq_get_ports(headquarters), hq_folder(headquarters), &newest) ==
                   ROVE_NOT_FOUND) {
        status = seal_old(headquarters, tx, act->number, hash);
    }
    /* Where there are no seals and there were some, it begins anew: what is unsealed stays so. */
    if (status == ROVE_OK || status == ROVE_NOT_FOUND) {
        status = seal_one(headquarters, tx, by, act, hash);
    }
    if (status == ROVE_OK) {
        status = keep_public(headquarters, tx, by);
    }
    return status == ROVE_OK ? put_seal(headquarters, tx, by, act->number, hash, 1) : status;
}

rove_status trail_hand_over(hq *headquarters, rove__hq_tx *tx) {
    seal newest;
    rove_status status = get_seal(headquarters, tx, 0, 1, &newest);
    return status == ROVE_OK ? put_seal(headquarters, tx, &hq_get_keys(headquarters)->next,
                                        newest.number, newest.hash, 1)
                             : status;
}

rove_status trail_handed_over(hq *headquarters, rove__hq_tx *tx, int *over) {
    seal newest;
    rove_status status = get_seal(headquarters, tx, 0, 1, &newest);
    *over = status == ROVE_OK && is_by_next(&hq_get_keys(headquarters)->next, &newest);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* ---- verifying -------------------------------------------------------------------------------------------- */

typedef struct verification {
    const trail_source *source;
    rove__hq_tx *tx;
    trail_report *report;
    uint64_t most;                 /* entries; 0: all */
    uint8_t pin[ROVE_SHA256_SIZE]; /* of the key by which the entry has to be sealed */
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t public_size;
    int restored; /* the entry before, in the scan, says that a backup was restored */
    int64_t
        next; /* the number that the next entry of the scan has to have; 0: there is to be none */
    seal own; /* of that number; signature_size 0: there is none */
} verification;

/* Older entries are looked at later, so the last call names the first one that is wrong. */
static void blame(verification *self, trail_finding finding, int64_t number) {
    self->report->finding = finding;
    self->report->number = number;
}

static trail_finding judge_signature(const verification *self, const seal *of, int newest) {
    if (memcmp(of->pin, self->pin, sizeof self->pin) != 0) {
        return TRAIL_FOREIGN;
    }
    return holds(of, newest, self->public_der, self->public_size) ? TRAIL_SOUND : TRAIL_FORGED;
}

/* From this entry backwards it is the former key, if the act says so: then that is the key. */
static rove_status take_former(verification *self, const rove__hq_act *act) {
    const hq_ports *ports = self->source->ports;
    char name[PUBLIC_NAME_MAX];
    char pin[TRAIL_PIN_SIZE];
    uint8_t hash[ROVE_SHA256_SIZE];
    rove__arena arena;
    rove__bytes key = {NULL, 0};
    trail_pin_text(self->pin, pin);
    if (memcmp(self->own.pin, self->pin, sizeof self->pin) == 0 ||
        (!self->restored &&
         (strcmp(act->act, TRAIL_ROTATION) != 0 || strstr(act->detail, pin) == NULL))) {
        return ROVE_OK;
    }
    public_name(name, self->own.pin);
    rove__arena_init(&arena, &ports->allocator, ENTRY_MAX);
    rove_status status = self->source->directory->setting_get(self->tx, name, &arena, &key);
    if (status == ROVE_OK) {
        rove_span span = {key.data, key.size};
        status = ports->crypto.sha256(ports->crypto.ctx, &span, 1, hash);
    }
    if (status == ROVE_OK && key.size <= sizeof self->public_der &&
        memcmp(hash, self->own.pin, sizeof hash) == 0) {
        memcpy(self->pin, hash, sizeof hash);
        memcpy(self->public_der, key.data, key.size);
        self->public_size = key.size;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* The seal of a number; signature_size 0 where there is none. */
static rove_status look_up(const verification *self, int64_t number, seal *out) {
    rove_status status =
        number > 0 ? read_seal(self->source, self->tx, number, 0, out) : ROVE_NOT_FOUND;
    if (status == ROVE_NOT_FOUND) {
        memset(out, 0, sizeof *out);
        status = ROVE_OK;
    }
    return status;
}

static rove_status each_entry(void *ctx, const rove__hq_act *act) {
    verification *self = ctx;
    uint8_t expected[ROVE_SHA256_SIZE];
    seal before;
    rove_status status = ROVE_OK;
    self->report->looked++;
    if (act->number > self->next) { /* past the newest, or below 1 */
        blame(self, TRAIL_UNSEALED, act->number);
        return ROVE_OK;
    }
    if (act->number < self->next) {
        blame(self, TRAIL_MISSING, act->number > 0 ? act->number + 1 : 1);
        status = look_up(self, act->number, &self->own);
    }
    if (status == ROVE_OK) {
        status = look_up(self, act->number - 1, &before);
    }
    if (status == ROVE_OK) {
        status = hash_entry(self->source->ports, before.hash, act, expected);
    }
    if (status != ROVE_OK) {
        return status;
    }
    trail_finding finding = TRAIL_UNSEALED;
    if (self->own.signature_size > 0) {
        status = take_former(self, act);
        if (status != ROVE_OK) {
            return status;
        }
        finding = judge_signature(self, &self->own, 0);
        if (finding == TRAIL_SOUND && memcmp(expected, self->own.hash, sizeof expected) != 0) {
            finding = TRAIL_CHANGED;
        }
    }
    if (finding != TRAIL_SOUND) {
        blame(self, finding, act->number);
    }
    self->report->sound += finding == TRAIL_SOUND;
    self->restored = strcmp(act->act, TRAIL_RESTORE) == 0;
    self->next = act->number - 1;
    self->own = before;
    if (self->most > 0 && self->report->looked >= self->most) {
        self->next = 0; /* the rest is not looked at */
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static rove_status each_any(void *ctx, const rove__hq_act *act) {
    int64_t *newest = ctx;
    *newest = act->number;
    return ROVE_DONE;
}

/* What acts.head has noted has to be in the record. */
static rove_status judge_note(verification *self) {
    seal noted;
    seal then;
    rove_status status = read_note(self->source->ports, self->source->folder, &noted);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status != ROVE_OK && status != ROVE_CORRUPT) {
        return status;
    }
    int64_t at = status == ROVE_CORRUPT                ? self->report->newest
                 : noted.number > self->report->newest ? self->report->newest + 1
                                                       : noted.number;
    trail_finding finding = at > self->report->newest ? TRAIL_MISSING : TRAIL_CHANGED;
    if (status == ROVE_OK && finding == TRAIL_CHANGED) {
        status = look_up(self, noted.number, &then);
        finding = memcmp(then.hash, noted.hash, sizeof then.hash) == 0 ? TRAIL_SOUND : finding;
    }
    if (finding != TRAIL_SOUND &&
        (self->report->finding == TRAIL_SOUND || self->report->number > at)) {
        blame(self, finding, at);
    }
    return status == ROVE_CORRUPT ? ROVE_OK : status;
}

rove_status trail_verify(const trail_source *source, rove__hq_tx *tx, uint64_t most,
                         trail_report *report) {
    const rove__hq_directory *directory = source->directory;
    verification self = {.source = source, .tx = tx, .report = report, .most = most};
    int64_t last = 0;
    seal newest;
    *report = (trail_report){.finding = TRAIL_SOUND};
    rove_status status = directory->act_scan(tx, each_any, &last);
    if (status == ROVE_OK) {
        status = read_seal(source, tx, 0, 1, &newest);
    }
    if (status == ROVE_NOT_FOUND) {
        /* Without the newest's seal nothing is known of the end; without any there never was one, or all were removed. */
        seal noted;
        int had_any = read_note(source->ports, source->folder, &noted) != ROVE_NOT_FOUND;
        status = look_up(&self, last, &self.own);
        blame(&self,
              self.own.signature_size > 0 ? TRAIL_MISSING
              : had_any                   ? TRAIL_UNSEALED
                                          : TRAIL_EMPTY,
              self.own.signature_size > 0 ? last + 1
              : had_any                   ? 1
                                          : 0);
        return status;
    }
    if (status != ROVE_OK) {
        return status;
    }
    report->newest = newest.number;
    memcpy(report->hash, newest.hash, sizeof report->hash);
    const hq_server_key *key = is_by_next(source->next, &newest) ? source->next : source->own;
    memcpy(self.pin, key->pin, sizeof self.pin);
    memcpy(self.public_der, key->public_der, key->public_size);
    self.public_size = key->public_size;
    trail_finding finding = judge_signature(&self, &newest, 1);
    self.next = newest.number;
    status = look_up(&self, newest.number, &self.own);
    if (finding == TRAIL_SOUND && status == ROVE_OK &&
        memcmp(self.own.hash, newest.hash, sizeof newest.hash) != 0) {
        finding = TRAIL_CHANGED;
    }
    if (finding != TRAIL_SOUND) {
        blame(&self, finding, newest.number);
    }
    if (status == ROVE_OK) {
        status = directory->act_scan(tx, each_entry, &self);
    }
    if (status == ROVE_OK && self.next > 0) {
        blame(&self, TRAIL_MISSING, 1);
    }
    return status == ROVE_OK ? judge_note(&self) : status;
}

const char *trail_sentence(trail_finding finding) {
    switch (finding) {
    case TRAIL_CHANGED:
        return "Entry %lld is not what was recorded: it was changed, or stands in another's place.";
    case TRAIL_MISSING:
        return "Entry %lld is missing: it was recorded, and was removed.";
    case TRAIL_UNSEALED:
        return "Entry %lld was not recorded by headquarters: somebody put it there.";
    case TRAIL_FORGED:
        return "The seal of entry %lld is not by the server's key: it was forged.";
    case TRAIL_FOREIGN:
        return "The seal of entry %lld is by another key than this server's, and no rotation says "
               "so.";
    case TRAIL_SOUND:
    case TRAIL_EMPTY:
        break;
    }
    return "";
}
