/*
 * faults/postbox.h - what the fault loops of the drop box act in: the rep's device of world.h and the headquarters of desk.h, which
 * opens what was sealed for it with keys of its own; faults below both. And a ledger of notes: what the rep was told is kept while
 * his device was locked.
 */
#ifndef ROVE_TESTS_POSTBOX_H
#define ROVE_TESTS_POSTBOX_H

#include "desk.h"

#define POSTBOX_LEASE_MS (INT64_C(12) * 60 * 60 * 1000)
#define POSTBOX_NOTES    8
#define POSTBOX_CANARY   "Kanarienvogel" /* stands in all that nobody may read on the device */

static int postbox_shut; /* 1: nothing gets through to the drop box; all else does */

/* ---- the two ends ------------------------------------------------------------------------------------------------ */

static inline rove_status postbox_enrol(phone *p, const rove_request *request,
                                        const rove__buf *body, rove__buf *answer) {
    rove__enroll_request asked;

    if (strcmp(request->method, "GET") == 0) {
        return phone_enrol(p, request, body, answer);
    }
    assert_int_equal(rove__enroll_request_read(&asked, 0, body->data, body->size), ROVE_OK);
    bureau_enrol(desk, p->number, p->user, asked.csr, asked.csr_size, answer);
    return ROVE_OK;
}

static inline rove_status postbox_exchange(phone *p, const rove_request *request,
                                           const rove__buf *body, rove__buf *answer) {
    rove__bytes certificate = {request->certificate_der, request->certificate_size};

    p->cut_status = ROVE_NETWORK;
    return bureau_exchange(desk, certificate, POSTBOX_LEASE_MS, body, answer, &p->cut_at);
}

static inline rove_status postbox_drop(const rove_request *request, const rove__buf *body,
                                       rove__buf *answer) {
    assert_null(request->certificate_der);
    assert_null(request->key_der);
    return postbox_shut ? ROVE_NETWORK : bureau_drop(desk, body, answer);
}

static inline rove_status postbox_route(phone *p, const rove_request *request,
                                        const rove__buf *body, rove__buf *answer) {
    int enrols = strstr(request->url, "/v1/enroll") != NULL;

    p->cut_at = 0;
    faults_end = enrols ? FAULTS_NOWHERE : FAULTS_HEADQUARTERS;
    rove_status status = enrols ? postbox_enrol(p, request, body, answer)
                         : strstr(request->url, ROVE_DROP_PATH) != NULL
                             ? postbox_drop(request, body, answer)
                             : postbox_exchange(p, request, body, answer);
    faults_end = FAULTS_DEVICE;
    return status;
}

/* Headquarters has it, and nobody hears that. */
static inline rove_status postbox_lose(phone *p, const rove_request *request, const rove__buf *body,
                                       rove__buf *answer) {
    rove_status status = postbox_route(p, request, body, answer);

    return status == ROVE_OK ? ROVE_NETWORK : status;
}

/* Both clocks. */
static inline void postbox_wait(int64_t ms) {
    first.now.wall_ms += ms;
    first.now.boot_ms += ms;
    bureau_wait(desk, ms);
}

/* Headquarters and an enrolled device, both open; an encrypted one, or a plain one. For `prepare`. */
static inline void postbox_begin(int encrypted) {
    world_check_table();
    desk_new();
    desk_open();
    phone_prepare(&first, LOOP_DEVICE_FOLDER);
    first.route = postbox_route;
    first.now.wall_ms = SITE_NOW;
    first.ports.random = (rove_random){world_random, NULL};
    first.ports.keyring =
        encrypted ? keyring_with(&first.keys, 0x31) : (rove_keyring){NULL, NULL, NULL};
    faults_wrap_files(&first.ports.files);
    loop_heaps[FAULTS_DEVICE] = &first.memory;
    phone_open(&first);
    phone_enroll(&first);
}

static inline void postbox_close(void) {
    phone_close(&first);
    desk_close();
}

/* All are closed. */
static inline void postbox_end(void) {
    phone_stop(&first);
    desk_end();
}

/* Where backups are made, what headquarters takes stays on its device until there is one of that. */
static inline void postbox_back_up(const char *path) {
    desk_ok(desk_run("backup", path, NULL));
}

/* Sends all that is in the drop box, under the fault; 1: it is done. */
static inline int postbox_try_send(void) {
    first.error = (rove_error){.message = ""};
    rove_status status = rove_drop_send(&first.ports, first.folder, NULL, NULL, NULL, &first.error);
    int heard = status == ROVE_LATER || status == ROVE_SERVER; /* what a request may come to */

    return world_said(heard ? "rove_sync" : "rove_drop_send", status, &first.error);
}

/* The same without faults, some time later. */
static inline void postbox_send(void) {
    postbox_wait(1);
    phone_ok(&first, rove_drop_send(&first.ports, first.folder, NULL, NULL, NULL, &first.error));
}

static inline rove_drop_state postbox_state(void) {
    rove_drop_state state = {.size = sizeof state};

    phone_ok(&first, rove_drop_read(&first.ports, first.folder, &state, &first.error));
    return state;
}

static inline int postbox_file_holds(const char *name, const char *word) {
    static uint8_t bytes[4 << 20];
    char path[320];
    size_t size = strlen(word);
    int found = 0;

    (void)snprintf(path, sizeof path, "%s/%s", first.folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    size_t length = fread(bytes, 1, sizeof bytes, file);
    assert_true(length < sizeof bytes && fclose(file) == 0);
    for (size_t at = 0; at + size <= length && !found; at++) {
        found = memcmp(bytes + at, word, size) == 0;
    }
    return found;
}

/* A word stands in some file of the device's. */
static inline int postbox_shows(const char *word) {
    DIR *folder = opendir(first.folder);
    int found = 0;

    assert_non_null(folder);
    for (struct dirent *at = readdir(folder); at != NULL && !found; at = readdir(folder)) {
        found = at->d_name[0] != '.' && postbox_file_holds(at->d_name, word);
    }
    (void)closedir(folder);
    return found;
}

static inline int postbox_has(const char *name) {
    char path[128];

    rove__text_format(path, sizeof path, "%s/%s", first.folder, name);
    return access(path, F_OK) == 0;
}

/* ---- what the rep was told is kept -------------------------------------------------------------------------------- */

typedef struct postbox_note {
    char purpose[48];
    const char *entity;
    int kept; /* the call said OK */
} postbox_note;

static postbox_note postbox_ledger[POSTBOX_NOTES];
static size_t postbox_noted;

/* He records a visit to an account, or a call about it, on a locked device, under the fault. */
static inline void postbox_note_down(const char *entity, rove_id about) {
    static const uint8_t zeros[ROVE_REFERENCE_SIZE];
    postbox_note *note = &postbox_ledger[postbox_noted++];
    int visit = strcmp(entity, "Visit") == 0;
    uint8_t reference[ROVE_REFERENCE_SIZE];

    assert_true(postbox_noted <= POSTBOX_NOTES);
    note->entity = entity;
    snprintf(note->purpose, sizeof note->purpose, POSTBOX_CANARY " %zu;", postbox_noted);
    const rove_field fields[] = {{visit ? "account_id" : "about_id", rove_int(about)},
                                 {visit ? "purpose" : "notes", rove_text(note->purpose)}};
    memset(reference, 1, sizeof reference);
    note->kept =
        WORLD_TRY(rove_drop_record, first.replica, entity, fields, 2, reference, &first.error);
    assert_true(note->kept == (memcmp(reference, zeros, sizeof zeros) != 0));
}

/* All in the ledger lies before an operator, once, and nothing else does. What a call said had failed may be there, or not. */
static inline void postbox_check_notes(void) {
    int64_t found = 0;

    for (size_t i = 0; i < postbox_noted; i++) {
        char sql[128];
        rove__text_format(sql, sizeof sql,
                          "SELECT count(*) FROM _review_queue WHERE"
                          " instr(change, CAST('%s' AS BLOB)) > 0",
                          postbox_ledger[i].purpose);
        int64_t there = world_at_headquarters(sql);
        if (there > 1 || there < postbox_ledger[i].kept) {
            fail_msg("'%s' (%s) is in review %d times", postbox_ledger[i].purpose,
                     postbox_ledger[i].kept ? "kept" : "failed", (int)there);
        }
        found += there;
    }
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM _review_queue"), found);
}

#endif
