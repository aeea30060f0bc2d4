/*
 * client/drop.c - the drop box in memory and in its file; see drop.h for its bytes.
 */
#include "client/drop.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/reader.h"
#include "base/text.h"

#define REFUSED     0x80000000u
#define KEPT        0x40000000u
#define FLAGS       (REFUSED | KEPT)
#define CHECK_AT    12
#define CHECK_SIZE  4
#define RECORD_MIN  2 /* its version and kind */
#define MARK_KIND   0
#define MARK_SIZE   (2 + 8 + 4 + 8 + 1)
#define NOTES_MAX   (UINT64_C(1) << 48) /* that a mark is believed */
#define FIRST_BYTES ((size_t)4096)      /* of a file whose size is not known */
/* What is appended by somebody else's build, too: a little more than is ever put in. */
#define FILE_MAX (ROVE_DROP_MAX + ROVE_DROP_REFUSED_MAX + ROVE_SEALED_MAX + 4096)

ROVE_STATIC_ASSERT(ROVE_DROP_BODY_MAX > 4 * (ROVE_SEALED_MAX + 4u), "every record fits a request");
ROVE_STATIC_ASSERT(ROVE_BATCH_BYTES_MAX +
                           ROVE_PUSH_FRAMES_MAX *
                               (ROVE_SEALED_MAX - ROVE_BATCH_MAX + ROVE_DROP_HEAD) +
                           ROVE_SEALED_MAX + 2 * ROVE_DROP_HEAD + MARK_SIZE <=
                       ROVE_DROP_MAX,
                   "every batch fits a drop box, with a receipt");

/* ---- entries -------------------------------------------------------------------------------------------- */

static rove_status check_of(const rove_crypto *crypto, const uint8_t *head, rove__bytes record,
                            uint8_t check[CHECK_SIZE]) {
    const rove_span spans[2] = {{head, CHECK_AT}, {record.data, record.size}};
    uint8_t hash[ROVE_SHA256_SIZE];
    rove_status status = crypto->sha256(crypto->ctx, spans, 2, hash);

    memcpy(check, hash, CHECK_SIZE);
    return status;
}

/* What the head at `at` says. */
static rove__drop_entry entry_at(const uint8_t *at) {
    uint32_t size = rove__u32_get(at);

    return (rove__drop_entry){.record = {at + ROVE_DROP_HEAD, size & ~FLAGS},
                              .at_ms = (int64_t)rove__u64_get(at + 4),
                              .refused = (size & REFUSED) != 0,
                              .kept = (size & FLAGS) == KEPT};
}

/* What stands at `at`: its size, 0 if that is no entry. */
static size_t read_entry(const rove_crypto *crypto, const uint8_t *at, size_t left,
                         rove__drop_entry *entry, rove_status *status) {
    uint8_t check[CHECK_SIZE];

    if (left < ROVE_DROP_HEAD) {
        return 0;
    }
    *entry = entry_at(at);
    if (entry->record.size < RECORD_MIN || entry->record.size > ROVE_SEALED_MAX ||
        entry->record.size > left - ROVE_DROP_HEAD) {
        return 0;
    }
    *status = check_of(crypto, at, entry->record, check);
    return *status == ROVE_OK && memcmp(check, at + CHECK_AT, CHECK_SIZE) == 0
               ? ROVE_DROP_HEAD + entry->record.size
               : 0;
}

static rove_status put_entry(const rove_crypto *crypto, const rove__drop_entry *entry,
                             rove__buf *out) {
    uint8_t head[ROVE_DROP_HEAD];
    uint32_t flags = (entry->refused ? REFUSED : 0) | (entry->kept ? KEPT : 0);
    size_t at = rove__u32_put(head, (uint32_t)entry->record.size | flags);

    (void)rove__u64_put(head + at, (uint64_t)entry->at_ms);
    rove_status status = check_of(crypto, head, entry->record, head + CHECK_AT);
    if (status == ROVE_OK) {
        rove__buf_append(out, head, sizeof head);
        rove__buf_append(out, entry->record.data, entry->record.size);
        status = rove__buf_status(out);
    }
    return status;
}

static int is_note(rove__bytes record) {
    return record.data[1] == ROVE_SEALED_NOTE;
}

int rove__drop_next(const rove__drop *drop, size_t *position, rove__drop_entry *entry) {
    if (*position >= drop->entries.size) {
        return 0;
    }
    const uint8_t *at = drop->entries.data + *position;
    *entry = entry_at(at);
    *position += ROVE_DROP_HEAD + entry->record.size;
    ROVE_ASSERT(*position <= drop->entries.size);
    return 1;
}

/* ---- room ----------------------------------------------------------------------------------------------- */

/* Two frames of one batch: sealed with one key. */
static int is_same_batch(rove__bytes a, rove__bytes b) {
    return a.size >= ROVE_SEALED_HEAD_SIZE && b.size >= ROVE_SEALED_HEAD_SIZE &&
           a.data[1] == ROVE_SEALED_BATCH && memcmp(a.data, b.data, ROVE_SEALED_HEAD_SIZE - 4) == 0;
}

/* Entries that stay or go together: frames of one batch that follow each other, or one of another kind. */
typedef struct run {
    size_t at, size; /* with their heads */
    uint64_t notes;
    int kept; /* headquarters has all of them */
} run;

/* The one at `at`; 0: there is none. */
static int read_run(const rove__drop *drop, size_t at, run *out) {
    rove__drop_entry entry;
    rove__bytes last;
    size_t next = at;

    if (!rove__drop_next(drop, &next, &entry)) {
        return 0;
    }
    *out = (run){at, next - at, (uint64_t)is_note(entry.record), entry.kept};
    last = entry.record;
    while (rove__drop_next(drop, &next, &entry) && is_same_batch(last, entry.record)) {
        out->size = next - at;
        out->kept &= entry.kept;
    }
    return 1;
}

static void weigh(rove__drop *drop) {
    rove__drop_entry entry;
    run r;

    drop->refused = 0;
    drop->spare = 0;
    for (size_t at = 0; rove__drop_next(drop, &at, &entry);) {
        drop->refused += entry.refused ? ROVE_DROP_HEAD + entry.record.size : 0;
    }
    for (size_t at = 0; read_run(drop, at, &r); at += r.size) {
        drop->spare += r.kept ? r.size : 0;
    }
}

/* What headquarters has goes, the oldest first, until `size` bytes went. */
static void thin(rove__drop *drop, size_t size) {
    rove__buf *entries = &drop->entries;
    size_t left = 0;
    size_t gone = 0;
    run r;

    for (size_t at = 0; read_run(drop, at, &r); at += r.size) {
        if (r.kept && gone < size) {
            gone += r.size;
            drop->notes_left += r.notes;
        } else {
            memmove(entries->data + left, entries->data + at, r.size);
            left += r.size;
        }
    }
    rove__buf_truncate(entries, left);
    drop->differs = 1;
    weigh(drop);
    rove__log(&drop->ports->log, ROVE_LOG_WARN, "drop",
              "%zu bytes that headquarters has, but no backup, made room", gone);
}

rove_status rove__drop_make_room(rove__drop *drop, size_t size, rove_error *error) {
    size_t aside = drop->refused < ROVE_DROP_REFUSED_MAX ? drop->refused : ROVE_DROP_REFUSED_MAX;
    size_t needed = drop->entries.size - aside + size + ROVE_DROP_HEAD + MARK_SIZE;

    if (needed > ROVE_DROP_MAX + drop->spare) {
        return rove__error_set(error, ROVE_FULL,
                               "The drop box is full (%zu MiB). Send what is in it to "
                               "headquarters, give up what it refused, and try again.",
                               ROVE_DROP_MAX / 1048576);
    }
    if (needed > ROVE_DROP_MAX) {
        thin(drop, needed - ROVE_DROP_MAX);
    }
    return ROVE_OK;
}

/* ---- the mark ------------------------------------------------------------------------------------------- */

static int is_mark(rove__bytes record) {
    return record.data[1] == MARK_KIND;
}

static void take_mark(rove__drop *drop, rove__bytes record) {
    rove__reader reader;

    rove__reader_init(&reader, record.data + 2, record.size - 2);
    uint64_t notes = rove__reader_u64(&reader);
    rove_replica replica = rove__reader_u32(&reader);
    int64_t position = (int64_t)rove__reader_u64(&reader);
    if (rove__reader_status(&reader) == ROVE_OK && notes <= NOTES_MAX) {
        drop->notes_left = notes;
        drop->replica = replica;
        drop->position = position;
        drop->journal = rove__reader_left(&reader) > 0 && rove__reader_byte(&reader) != 0;
    }
}

static int has_mark(const rove__drop *drop) {
    return drop->notes_left > 0 || drop->replica > 0;
}

static rove_status put_mark(const rove__drop *drop, rove__buf *out) {
    uint8_t bytes[MARK_SIZE] = {ROVE_SEALED_VERSION, MARK_KIND};
    const rove__drop_entry entry = {.record = {bytes, sizeof bytes}};
    size_t at = 2 + rove__u64_put(bytes + 2, drop->notes_left);

    at += rove__u32_put(bytes + at, drop->replica);
    at += rove__u64_put(bytes + at, (uint64_t)drop->position);
    bytes[at] = (uint8_t)drop->journal;
    return put_entry(&drop->ports->crypto, &entry, out);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static rove_status read_all(const rove__drop *drop, rove__buf *file, rove_error *error) {
    const rove_files *files = &drop->ports->files;
    rove_status status = ROVE_TOO_BIG;

    for (size_t room = FIRST_BYTES; status == ROVE_TOO_BIG && file->size == 0;) {
        size_t size = 0;
        uint8_t *bytes = rove__buf_reserve(file, room);
        if (bytes == NULL) {
            return rove__buf_status(file);
        }
        status = files->read(files->ctx, drop->path, bytes, room, &size, error);
        rove__buf_truncate(file, status == ROVE_OK ? size : 0);
        if (status == ROVE_TOO_BIG && room == FILE_MAX) {
            return rove__error_set(error, status,
                                   "The drop box (%s) is larger than Rove makes it. Look at what "
                                   "it is, and move it away.",
                                   drop->path);
        }
        room = room * 4 < FILE_MAX ? room * 4 : FILE_MAX;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Moves what is sound together; what is between, or at the end, is none. */
static rove_status sift(rove__drop *drop) {
    rove__buf *file = &drop->entries;
    size_t kept = 0;
    size_t damaged = 0;
    rove_status status = ROVE_OK;

    for (size_t at = 0; at < file->size && status == ROVE_OK;) {
        rove__drop_entry entry;
        size_t size =
            read_entry(&drop->ports->crypto, file->data + at, file->size - at, &entry, &status);
        if (size == 0) {
            damaged++;
            at++;
            continue;
        }
        if (is_mark(entry.record)) {
            take_mark(drop, entry.record);
        } else {
            drop->notes += (uint64_t)is_note(entry.record);
            memmove(file->data + kept, file->data + at, size);
            kept += size;
        }
        at += size;
    }
    rove__buf_truncate(file, kept);
    drop->notes += drop->notes_left;
    drop->differs = damaged > 0;
    weigh(drop);
    if (damaged > 0 && drop->lock != NULL) {
        rove__log(&drop->ports->log, ROVE_LOG_WARN, "drop",
                  "%zu bytes of the drop box are torn or damaged", damaged);
    }
    return status;
}

static char *path_of(const rove_allocator *allocator, const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = rove__alloc(allocator, size);

    if (path != NULL) {
        rove__text_format(path, size, "%s/%s", folder, name);
    }
    return path;
}

static rove_status take_lock(rove__drop *drop, const char *folder, rove_error *error) {
    const rove_files *files = &drop->ports->files;
    char *path = path_of(&drop->ports->allocator, folder, "drop.lock");

    if (path == NULL) {
        return ROVE_NOMEM;
    }
    rove_status status = files->lock(files->ctx, path, &drop->lock, error);
    rove__free(&drop->ports->allocator, path);
    return status;
}

static rove_status load(rove__drop *drop, const rove_ports *ports, const char *folder, int locked,
                        rove_error *error) {
    memset(drop, 0, sizeof *drop);
    drop->ports = ports;
    rove__buf_init(&drop->entries, &ports->allocator, FILE_MAX);
    drop->path = path_of(&ports->allocator, folder, "drop.box");
    rove_status status = drop->path != NULL ? ROVE_OK : ROVE_NOMEM;
    if (status == ROVE_OK && locked) {
        status = take_lock(drop, folder, error);
    }
    if (status == ROVE_OK) {
        status = read_all(drop, &drop->entries, error);
    }
    return status == ROVE_OK ? sift(drop) : status;
}

rove_status rove__drop_open(rove__drop *drop, const rove_ports *ports, const char *folder,
                            rove_error *error) {
    return load(drop, ports, folder, 1, error);
}

rove_status rove__drop_look(rove__drop *drop, const rove_ports *ports, const char *folder,
                            rove_error *error) {
    return load(drop, ports, folder, 0, error);
}

void rove__drop_close(rove__drop *drop) {
    const rove_files *files = &drop->ports->files;

    if (drop->lock != NULL) {
        files->unlock(files->ctx, drop->lock);
        drop->lock = NULL;
    }
    rove__buf_free(&drop->entries);
    rove__free(&drop->ports->allocator, drop->path);
    drop->path = NULL;
}

/* ---- putting in ----------------------------------------------------------------------------------------- */

static rove_status add(rove__drop *drop, const rove__drop_entry *entry, rove_error *error) {
    rove__bytes record = entry->record;

    if (record.size < RECORD_MIN || record.size > ROVE_SEALED_MAX || is_mark(record)) {
        return rove__error_set(error, ROVE_INVALID, "This is no sealed record.");
    }
    rove_status status = rove__drop_make_room(drop, ROVE_DROP_HEAD + record.size, error);
    if (status != ROVE_OK) {
        return status;
    }
    size_t before = drop->entries.size;
    status = put_entry(&drop->ports->crypto, entry, &drop->entries);
    if (status != ROVE_OK) {
        if (rove__buf_status(&drop->entries) == ROVE_OK) {
            rove__buf_truncate(&drop->entries, before);
        }
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    drop->notes += (uint64_t)is_note(record);
    drop->spare += entry->kept ? ROVE_DROP_HEAD + record.size : 0;
    return ROVE_OK;
}

rove_status rove__drop_add(rove__drop *drop, rove__bytes record, rove_error *error) {
    rove_clock_reading now;

    drop->ports->clock.read(drop->ports->clock.ctx, &now);
    const rove__drop_entry entry = {.record = record, .at_ms = now.wall_ms > 0 ? now.wall_ms : 0};
    return add(drop, &entry, error);
}

rove_status rove__drop_keep(rove__drop *drop, rove__bytes record, int64_t at_ms,
                            rove_error *error) {
    const rove__drop_entry entry = {.record = record, .at_ms = at_ms, .kept = 1};

    return add(drop, &entry, error);
}

rove_status rove__drop_save(rove__drop *drop, rove_error *error) {
    const rove_files *files = &drop->ports->files;
    rove__buf file;

    ROVE_ASSERT(drop->lock != NULL);
    if (rove__buf_status(&drop->entries) != ROVE_OK) {
        return rove__buf_status(&drop->entries); /* memory ran out: this is not what is in it */
    }
    if (drop->entries.size == 0 && !has_mark(drop)) {
        return files->remove(files->ctx, drop->path, error);
    }
    rove__buf_init(&file, &drop->ports->allocator, FILE_MAX);
    rove_status status = has_mark(drop) ? put_mark(drop, &file) : ROVE_OK;
    rove__buf_append(&file, drop->entries.data, drop->entries.size);
    if (status == ROVE_OK) {
        status = rove__buf_status(&file);
    }
    if (status == ROVE_OK) {
        status = files->replace(files->ctx, drop->path, file.data, file.size, error);
    }
    drop->differs = status != ROVE_OK;
    rove__buf_free(&file);
    return status;
}

rove_status rove__drop_put(rove__drop *drop, rove__bytes record, rove_error *error) {
    const rove_files *files = &drop->ports->files;

    ROVE_ASSERT(drop->lock != NULL);
    rove_status status = rove__drop_add(drop, record, error);
    if (status != ROVE_OK) {
        return status;
    }
    size_t before = drop->entries.size - ROVE_DROP_HEAD - record.size;
    status = drop->differs ? rove__drop_save(drop, error)
                           : files->append(files->ctx, drop->path, drop->entries.data + before,
                                           drop->entries.size - before, error);
    drop->differs = status != ROVE_OK;
    if (status != ROVE_OK) {
        rove__buf_truncate(&drop->entries, before);
        drop->notes -= (uint64_t)is_note(record);
    }
    return status;
}

rove_status rove__drop_append(const rove_ports *ports, const char *folder, const void *record,
                              size_t size, rove_error *error) {
    rove__drop drop;
    rove_status status = rove__drop_open(&drop, ports, folder, error);

    if (status == ROVE_OK) {
        status = rove__drop_put(&drop, (rove__bytes){record, size}, error);
    }
    rove__drop_close(&drop);
    return status;
}

/* ---- sending -------------------------------------------------------------------------------------------- */

static int is_due(const rove__drop_entry *entry, const rove__drop_round *round) {
    if (!entry->kept) {
        return !entry->refused;
    }
    /* One that was sent in this round is not sent again; a clock that was set back is no reason to wait. */
    return entry->at_ms != round->now_ms && (round->all || entry->at_ms > round->now_ms ||
                                             entry->at_ms <= round->now_ms - ROVE_DROP_AGAIN_MS);
}

rove_status rove__drop_body(const rove__drop *drop, const rove__drop_round *round, uint64_t skip,
                            rove__buf *body, size_t *count) {
    rove__drop_entry entry;
    rove__bytes last = {NULL, 0};
    size_t begun = 0; /* where the last batch begins, and how many are before it */
    size_t before = 0;
    size_t exchanges = 0;

    rove__buf_reset(body);
    *count = 0;
    for (size_t at = 0; rove__drop_next(drop, &at, &entry);) {
        int due = is_due(&entry, round);
        if (!due || skip > 0) {
            skip -= (uint64_t)due;
            continue;
        }
        int same = is_same_batch(last, entry.record);
        exchanges += (size_t)!same;
        if (exchanges > ROVE_DROP_EXCHANGES_MAX || *count == ROVE_DROP_SEND_MAX ||
            body->size + 4 + entry.record.size > ROVE_DROP_BODY_MAX) {
            if (same && before > 0) {
                rove__buf_truncate(body, begun);
                *count = before;
            }
            break;
        }
        if (!same) {
            begun = body->size;
            before = *count;
        }
        rove__buf_u32(body, (uint32_t)entry.record.size);
        rove__buf_append(body, entry.record.data, entry.record.size);
        *count += 1;
        last = entry.record;
    }
    return rove__buf_status(body);
}

static rove_status check_answers(const rove__buf *body, const rove__buf *answers) {
    size_t count = 0;

    for (size_t at = 0; at < body->size; count++) {
        at += 4 + rove__u32_get(body->data + at);
    }
    for (size_t i = 0; i < answers->size; i++) {
        if (answers->data[i] < ROVE_DROP_TAKEN || answers->data[i] > ROVE_DROP_KEPT) {
            return ROVE_PROTOCOL;
        }
    }
    return answers->size == count ? ROVE_OK : ROVE_PROTOCOL;
}

/* Where a record stands among those sent, from the one with number *i at *at on, both of which move there; 0: it does not. */
static int find_sent(rove__bytes record, const rove__buf *body, size_t *at, size_t *i) {
    size_t number = *i;

    for (size_t here = *at; here < body->size; number++) {
        size_t size = rove__u32_get(body->data + here);
        if (size == record.size && memcmp(body->data + here + 4, record.data, size) == 0) {
            *at = here;
            *i = number;
            return 1;
        }
        here += 4 + size;
    }
    return 0;
}

/* What becomes of one that was sent: 0, it leaves. */
static int take_answer(rove__drop_entry *entry, const rove__drop_round *round, int answer) {
    entry->refused = answer == ROVE_DROP_REFUSED;
    entry->kept = answer == ROVE_DROP_KEPT;
    if (entry->kept) {
        entry->at_ms = round->now_ms;
    }
    return answer != ROVE_DROP_TAKEN;
}

/* What is kept takes the place of what there was. */
static rove_status replace_entries(rove__drop *drop, rove__buf *kept, rove_status status,
                                   rove_error *error) {
    if (status != ROVE_OK) {
        rove__buf_free(kept);
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    rove__buf_free(&drop->entries);
    drop->entries = *kept;
    weigh(drop);
    return ROVE_OK;
}

rove_status rove__drop_settle(rove__drop *drop, const rove__drop_round *round,
                              const rove__buf *body, const rove__buf *answers, rove_error *error) {
    rove__drop_entry entry;
    rove__buf kept;
    size_t sent = 0;
    size_t i = 0;
    uint64_t left = 0;

    const int unheard = ROVE_PLANTED(B01_UNHEARD);
    rove_status status = unheard ? ROVE_OK : check_answers(body, answers);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "Headquarters' answer is not one to what was sent.");
    }
    rove__buf_init(&kept, &drop->ports->allocator, FILE_MAX);
    for (size_t at = 0; rove__drop_next(drop, &at, &entry) && status == ROVE_OK;) {
        int stays = 1;
        if (is_due(&entry, round) && find_sent(entry.record, body, &sent, &i)) {
            stays = take_answer(&entry, round, unheard ? ROVE_DROP_TAKEN : (int)answers->data[i]);
            i++;
            sent += 4 + entry.record.size;
        }
        if (stays) {
            status = put_entry(&drop->ports->crypto, &entry, &kept);
        } else {
            left += (uint64_t)is_note(entry.record);
        }
    }
    status = replace_entries(drop, &kept, status, error);
    drop->notes_left += status == ROVE_OK ? left : 0;
    return status;
}

/* ---- giving up ------------------------------------------------------------------------------------------ */

rove_status rove__drop_discard(rove__drop *drop, uint64_t *count, rove_error *error) {
    rove__drop_entry entry;
    rove__buf kept;
    uint64_t left = 0;
    rove_status status = ROVE_OK;

    *count = 0;
    rove__buf_init(&kept, &drop->ports->allocator, FILE_MAX);
    for (size_t at = 0; rove__drop_next(drop, &at, &entry) && status == ROVE_OK;) {
        if (entry.refused) {
            *count += 1;
            left += (uint64_t)is_note(entry.record);
        } else {
            status = put_entry(&drop->ports->crypto, &entry, &kept);
        }
    }
    status = replace_entries(drop, &kept, status, error);
    drop->notes_left += status == ROVE_OK ? left : 0;
    return status;
}
