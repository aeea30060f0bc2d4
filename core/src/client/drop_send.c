/*
 * client/drop_send.c - the drop box on its way: POST /v1/drop, without the device's certificate.
 *
 * Whom to send to stands in the file `drop.to`, so that it can be sent when there is nothing left but it and the drop box. It
 * says nothing that a phone book would not: where headquarters is, and how it is known.
 *
 *   file = "RoveTo" version:byte url:bytes ca:bytes pin[32] backup_pin[32] past_ms:zigzag check[32]
 *
 * version is 1; pins are zeros where there are none; past_ms: it is at least this late, by headquarters' clock; check: SHA-256 of
 * everything before it. It is written anew whenever what the device knows of headquarters has changed.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/planted.h"
#include "base/reader.h"
#include "base/text.h"
#include "client/checked.h"
#include "client/drop_post.h"

#define TO_MAGIC      "RoveTo"
#define TO_MAGIC_SIZE (sizeof TO_MAGIC - 1)
#define TO_VERSION    1u
#define TO_MAX        ((size_t)ROVE_IDENTITY_FILE_MAX)
/* More than a full drop box ever takes. */
#define REQUESTS_MAX 1000u

/* ---- whom to send to ------------------------------------------------------------------------------------ */

typedef struct target {
    char url[ROVE_URL_MAX + sizeof ROVE_DROP_PATH];
    rove__bytes ca;
    const uint8_t *pin;
    const uint8_t *backup_pin;
    int64_t past_ms;
} target;

static rove_status add_check(const rove_crypto *crypto, rove__buf *file) {
    uint8_t check[ROVE_SHA256_SIZE];
    rove_status status = rove__buf_status(file);

    if (status == ROVE_OK) {
        status = rove__checked_end(crypto, file->data, file->size, check);
    }
    if (status == ROVE_OK) {
        rove__buf_append(file, check, sizeof check);
        status = rove__buf_status(file);
    }
    return status;
}

static rove_status write_target(const rove_crypto *crypto, const rove__credentials *credentials,
                                rove__buf *file) {
    const rove__identity *identity = &credentials->identity;

    rove__buf_append(file, TO_MAGIC, TO_MAGIC_SIZE);
    rove__buf_byte(file, TO_VERSION);
    rove__buf_bytes(file, credentials->url, strlen(credentials->url));
    rove__buf_bytes(file, identity->ca, identity->ca_size);
    rove__buf_append(file, identity->pin, sizeof identity->pin);
    rove__buf_append(file, identity->backup_pin, sizeof identity->backup_pin);
    rove__buf_zigzag(file, identity->server_ms);
    return add_check(crypto, file);
}

static char *path_of(const rove_ports *ports, const char *folder) {
    size_t size = strlen(folder) + sizeof "/drop.to";
    char *path = rove__alloc(&ports->allocator, size);

    if (path != NULL) {
        rove__text_format(path, size, "%s/drop.to", folder);
    }
    return path;
}

static rove_status read_file(const rove_ports *ports, const char *folder, rove__buf *file,
                             rove_error *error) {
    const rove_files *files = &ports->files;
    char *path = path_of(ports, folder);
    uint8_t *bytes = rove__buf_reserve(file, TO_MAX);
    size_t size = 0;
    rove_status status = path != NULL && bytes != NULL ? ROVE_OK : ROVE_NOMEM;

    if (status == ROVE_OK) {
        status = files->read(files->ctx, path, bytes, TO_MAX, &size, error);
    }
    if (bytes != NULL) {
        rove__buf_truncate(file, size);
    }
    rove__free(&ports->allocator, path);
    return status;
}

/* CORRUPT: this is no such file. What it points to lies in `file`. */
static rove_status read_target(const rove_crypto *crypto, const rove__buf *file, target *to) {
    rove__reader reader;
    size_t size = 0;

    memset(to, 0, sizeof *to);
    if (file->size < TO_MAGIC_SIZE + 1 + ROVE_SHA256_SIZE ||
        memcmp(file->data, TO_MAGIC, TO_MAGIC_SIZE) != 0 ||
        file->data[TO_MAGIC_SIZE] != TO_VERSION) {
        return ROVE_CORRUPT;
    }
    rove_status status = rove__checked_look(crypto, file->data, file->size);
    if (status != ROVE_OK) {
        return status;
    }
    rove__reader_init(&reader, file->data + TO_MAGIC_SIZE + 1,
                      file->size - TO_MAGIC_SIZE - 1 - ROVE_SHA256_SIZE);
    const uint8_t *url = rove__reader_bytes(&reader, ROVE_URL_MAX - 1, &size);
    to->ca.data = rove__reader_bytes(&reader, ROVE_IDENTITY_MAX, &to->ca.size);
    to->pin = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    to->backup_pin = rove__reader_take(&reader, ROVE_SHA256_SIZE);
    to->past_ms = rove__reader_zigzag(&reader);
    if (rove__reader_status(&reader) != ROVE_OK || size == 0) {
        return ROVE_CORRUPT;
    }
    memcpy(to->url, url, size);
    memcpy(to->url + size, ROVE_DROP_PATH, sizeof ROVE_DROP_PATH);
    to->pin = rove__identity_pin(to->pin);
    to->backup_pin = rove__identity_pin(to->backup_pin);
    return ROVE_OK;
}

rove_status rove__drop_address(const rove_ports *ports, const char *folder,
                               const rove__credentials *credentials, rove_error *error) {
    const rove_files *files = &ports->files;
    rove__buf file;
    rove__buf there;

    rove__buf_init(&file, &ports->allocator, TO_MAX);
    rove__buf_init(&there, &ports->allocator, TO_MAX);
    rove_status status = write_target(&ports->crypto, credentials, &file);
    if (status == ROVE_OK &&
        (read_file(ports, folder, &there, NULL) != ROVE_OK || there.size != file.size ||
         memcmp(there.data, file.data, file.size) != 0)) {
        char *path = path_of(ports, folder);
        status = path != NULL ? files->replace(files->ctx, path, file.data, file.size, error)
                              : ROVE_NOMEM;
        rove__free(&ports->allocator, path);
    }
    rove__buf_free(&file);
    rove__buf_free(&there);
    return status;
}

/* ---- a request ------------------------------------------------------------------------------------------ */

typedef struct sending {
    const rove_ports *ports;
    const char *folder;
    const rove__drop_way *way;
    rove__drop_round round;
    target to;
    rove__buf to_file;
    rove__buf body;
    rove__buf answer;
    size_t sent; /* of the body */
} sending;

static rove_status read_body(void *ctx, void *bytes, size_t capacity, size_t *size) {
    sending *s = ctx;
    size_t left = s->body.size - s->sent;

    *size = left < capacity ? left : capacity;
    if (*size > 0) {
        memcpy(bytes, s->body.data + s->sent, *size);
    }
    s->sent += *size;
    return ROVE_OK;
}

static rove_status write_answer(void *ctx, const void *bytes, size_t size) {
    sending *s = ctx;

    rove__buf_append(&s->answer, bytes, size);
    rove_status status = rove__buf_status(&s->answer);
    return status == ROVE_TOO_BIG ? ROVE_PROTOCOL : status;
}

static int is_cancelled(void *ctx) {
    const rove__drop_way *way = ((const sending *)ctx)->way;

    return way->cancelled != NULL && way->cancelled(way->ctx);
}

static rove_status post(sending *s, rove_drop_report *report, rove_error *error) {
    const rove_transport *transport = &s->ports->transport;
    rove_response response = {0};
    rove_request request = {.method = "POST",
                            .url = s->to.url,
                            .content_type = ROVE_DROP_CONTENT_TYPE,
                            .accept = ROVE_DROP_CONTENT_TYPE,
                            .ca_der = s->to.ca.data,
                            .ca_size = s->to.ca.size,
                            .pin = s->to.pin,
                            .backup_pin = s->to.backup_pin,
                            .trusted_now_ms = s->way->trusted_now_ms,
                            .past_ms = s->to.past_ms,
                            .read_body = read_body,
                            .write_answer = write_answer,
                            .cancelled = is_cancelled,
                            .ctx = s};

    if (transport->perform == NULL) {
        return rove__error_set(error, ROVE_NETWORK,
                               "This app has no transport; nothing can reach headquarters.");
    }
    if (is_cancelled(s)) {
        return rove__error_set(error, ROVE_CANCELLED, "%s", rove_status_text(ROVE_CANCELLED));
    }
    s->sent = 0;
    rove__buf_reset(&s->answer);
    rove_status status = transport->perform(transport->ctx, &request, &response, error);
    report->retry_after_ms = status != ROVE_OK ? response.retry_after_ms : 0;
    return status;
}

static void turn(const rove__drop_way *way) {
    if (way->turn != NULL) {
        rove__mutex_enter(way->turn);
    }
}

static void turn_over(const rove__drop_way *way) {
    if (way->turn != NULL) {
        rove__mutex_leave(way->turn);
    }
}

static rove_status next_body(sending *s, uint64_t skip, size_t *count, rove_error *error) {
    rove__drop drop;

    *count = 0;
    rove_status status = rove__drop_look(&drop, s->ports, s->folder, error);
    if (status == ROVE_OK) {
        status = rove__drop_body(&drop, &s->round, skip, &s->body, count);
    }
    rove__drop_close(&drop);
    return status;
}

static rove_status settle(sending *s, rove_error *error) {
    rove__drop drop;

    turn(s->way);
    rove_status status = rove__drop_open(&drop, s->ports, s->folder, error);
    if (status == ROVE_OK) {
        status = rove__drop_settle(&drop, &s->round, &s->body, &s->answer, error);
    }
    if (status == ROVE_OK) {
        status = rove__drop_save(&drop, error);
    }
    rove__drop_close(&drop);
    turn_over(s->way);
    return status;
}

static uint64_t count_answers(const rove__buf *answers, uint8_t which) {
    uint64_t count = 0;

    for (size_t i = 0; i < answers->size; i++) {
        count += (uint64_t)(answers->data[i] == which);
    }
    return count;
}

static rove_status find_target(sending *s, rove_error *error) {
    rove_status status = read_file(s->ports, s->folder, &s->to_file, NULL);

    if (status == ROVE_OK) {
        status = read_target(&s->ports->crypto, &s->to_file, &s->to);
    }
    if (status == ROVE_NOT_FOUND || status == ROVE_CORRUPT || status == ROVE_TOO_BIG) {
        return rove__error_set(
            error, ROVE_NOT_ENROLLED,
            "Nothing says where headquarters is (drop.to is missing or damaged). "
            "Enrol in this folder; what is in the drop box goes with the next sync.");
    }
    return status;
}

/* Each record that is due, once. */
static rove_status pass(sending *s, rove_drop_report *report, unsigned *requests,
                        rove_error *error) {
    size_t count = 0;

    report->later = 0;
    rove_status status = next_body(s, 0, &count, error);
    if (status == ROVE_OK && count > 0 && s->to.url[0] == '\0') {
        status = find_target(s, error);
    }
    while (status == ROVE_OK && count > 0 && *requests < REQUESTS_MAX) {
        *requests += 1;
        status = post(s, report, error);
        if (status == ROVE_OK || ROVE_PLANTED(B01_UNHEARD)) {
            rove_status kept = settle(s, error);
            status = status == ROVE_OK ? kept : status;
        }
        if (status == ROVE_OK) {
            report->taken += count_answers(&s->answer, ROVE_DROP_TAKEN);
            report->kept += count_answers(&s->answer, ROVE_DROP_KEPT);
            report->later += count_answers(&s->answer, ROVE_DROP_LATER);
            report->refused += count_answers(&s->answer, ROVE_DROP_REFUSED);
            status = next_body(s, report->later, &count, error);
        }
    }
    return status;
}

/*
 * As long as something is taken: the first frames of a batch that went in several requests were for later until the last one was
 * there, and headquarters opens only so many records of one request.
 */
static rove_status send_all(sending *s, rove_drop_report *report, rove_error *error) {
    unsigned requests = 0;
    uint64_t before = 0;
    rove_status status = ROVE_OK;

    do {
        before = report->taken + report->kept;
        status = pass(s, report, &requests, error);
    } while (status == ROVE_OK && report->later > 0 && report->taken + report->kept > before);
    return status;
}

rove_status rove__drop_deliver(const rove_ports *ports, const char *folder,
                               const rove__drop_way *way, rove_drop_report *report,
                               rove_error *error) {
    sending s = {.ports = ports, .folder = folder, .way = way, .round = {.all = way->all}};
    rove_clock_reading now;

    ports->clock.read(ports->clock.ctx, &now);
    s.round.now_ms = now.wall_ms;
    rove__buf_init(&s.to_file, &ports->allocator, TO_MAX);
    rove__buf_init(&s.body, &ports->allocator, ROVE_DROP_BODY_MAX);
    rove__buf_init(&s.answer, &ports->allocator, ROVE_DROP_SEND_MAX);
    rove_status status = send_all(&s, report, error);
    rove__buf_free(&s.to_file);
    rove__buf_free(&s.body);
    rove__buf_free(&s.answer);
    return status;
}

/* ---- public --------------------------------------------------------------------------------------------- */

rove_status rove_drop_send(const rove_ports *ports, const char *folder, int (*cancelled)(void *ctx),
                           void *ctx, rove_drop_report *report, rove_error *error) {
    const rove__drop_way way = {.all = 1, .cancelled = cancelled, .ctx = ctx};
    rove_drop_report done = {.size = sizeof done};
    rove_error detail = {.message = ""};

    if (ports == NULL || folder == NULL || (report != NULL && report->size == 0)) {
        return rove__client_invalid(error, "Sending a drop box takes ports, a folder, and a report "
                                           "with its size.");
    }
    rove_status status = rove__drop_deliver(ports, folder, &way, &done, &detail);
    if (status == ROVE_OK) {
        status = rove__client_wipe_end(ports, folder, &detail);
    }
    if (report != NULL) {
        size_t size = report->size < sizeof done ? report->size : sizeof done;
        done.size = report->size;
        memcpy(report, &done, size);
    }
    return rove__client_said(status, &detail, error);
}

rove_status rove__drop_count(const rove_ports *ports, const char *folder, rove_drop_state *state,
                             rove_error *error) {
    rove__drop drop;
    rove__drop_entry entry;
    size_t at = 0;

    rove_status status = rove__drop_look(&drop, ports, folder, error);
    while (status == ROVE_OK && rove__drop_next(&drop, &at, &entry)) {
        state->bytes += entry.record.size;
        state->refused += (uint64_t)(entry.refused);
        state->kept += (uint64_t)(entry.kept);
        state->waiting += (uint64_t)(!entry.refused && !entry.kept);
        if (!entry.refused && !entry.kept &&
            (state->oldest_ms == 0 || entry.at_ms < state->oldest_ms)) {
            state->oldest_ms = entry.at_ms;
        }
    }
    rove__drop_close(&drop);
    return status;
}

rove_status rove_drop_read(const rove_ports *ports, const char *folder, rove_drop_state *out,
                           rove_error *error) {
    rove_drop_state state = {.size = sizeof state};
    rove_error detail = {.message = ""};

    if (ports == NULL || folder == NULL || out == NULL || out->size == 0) {
        return rove__client_invalid(error, "Reading a drop box takes ports, a folder, and a state "
                                           "with its size.");
    }
    rove_status status = rove__drop_count(ports, folder, &state, &detail);
    if (status == ROVE_OK) {
        size_t size = out->size < sizeof state ? out->size : sizeof state;
        state.size = out->size;
        memcpy(out, &state, size);
    }
    return rove__client_said(status, &detail, error);
}

/* ---- one by one ----------------------------------------------------------------------------------------- */

static rove_drop_item item_of(const rove__drop_entry *entry) {
    return (rove_drop_item){
        .size = sizeof(rove_drop_item),
        .kind = (rove_drop_kind)rove__sealed_kind(entry->record.data, entry->record.size),
        .standing = entry->refused ? ROVE_DROP_IS_REFUSED
                    : entry->kept  ? ROVE_DROP_IS_KEPT
                                   : ROVE_DROP_WAITS,
        .at_ms = entry->at_ms,
        .bytes = entry->record.size};
}

rove_status rove_drop_list(const rove_ports *ports, const char *folder,
                           rove_status (*each)(void *ctx, const rove_drop_item *item), void *ctx,
                           rove_error *error) {
    rove_error detail = {.message = ""};
    rove__drop drop;
    rove__drop_entry entry;
    size_t at = 0;

    if (ports == NULL || folder == NULL || each == NULL) {
        return rove__client_invalid(error, "A list of a drop box takes ports, a folder, and whom "
                                           "to tell.");
    }
    rove_status status = rove__drop_look(&drop, ports, folder, &detail);
    while (status == ROVE_OK && rove__drop_next(&drop, &at, &entry)) {
        rove_drop_item item = item_of(&entry);
        status = each(ctx, &item);
    }
    rove__drop_close(&drop);
    return rove__client_said(status, &detail, error);
}

rove_status rove_drop_discard(const rove_ports *ports, const char *folder, uint64_t *count,
                              rove_error *error) {
    rove_error detail = {.message = ""};
    rove__drop drop;
    uint64_t given_up = 0;

    if (ports == NULL || folder == NULL) {
        return rove__client_invalid(error, "Giving up what was refused takes ports and a folder.");
    }
    rove_status status = rove__drop_open(&drop, ports, folder, &detail);
    if (status == ROVE_OK) {
        status = rove__drop_discard(&drop, &given_up, &detail);
    }
    if (status == ROVE_OK && given_up > 0) {
        status = rove__drop_save(&drop, &detail);
    }
    rove__drop_close(&drop);
    if (count != NULL) {
        *count = status == ROVE_OK ? given_up : 0;
    }
    if (status == ROVE_OK) {
        status = rove__client_wipe_end(ports, folder, &detail);
    }
    return rove__client_said(status, &detail, error);
}
