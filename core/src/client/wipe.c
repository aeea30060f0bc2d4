/*
 * client/wipe.c - a replica is wiped, by its rep or because headquarters ordered it. Unsent work goes into the drop box first (drop.h),
 * sealed so that headquarters alone can read it; nothing that a rep has recorded is thrown away. Each step may be the last before a
 * crash:
 *
 *   1  the file of orders says that it is to be wiped (orders.h). From here on it is locked, and there is no way back
 *   2  unsent work is sealed into the drop box
 *   3  a receipt goes after it, signed by this device: how much that was
 *   4  and after that what was delivered, and no backup of headquarters has yet (D9): it is kept there as it was in the replica
 *   5  the file of orders says that this is done. From here on no key is needed
 *   6  what the handle holds goes: keys, pages, the device's own key
 *   7  the files go, the replica's key first (store/wipe.c)
 *   8  once the drop box is empty - delivered, and in a backup of headquarters - and 7 is done, it goes, and the file of orders
 *      last: the folder is as good as new
 *
 * Whoever opens the replica, or syncs it, goes on where it stopped. Steps 2 to 4 come to the same if they are done again. A replica
 * whose keys are not there, because it is locked with a PIN, waits at 1 until it is unlocked; one whose unsent work finds no room in
 * the drop box, until that is delivered.
 */
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "client/drop_post.h"

/* ---- the steps ---- */

/* Steps 2 to 4. */
static rove_status put_away(rove *replica, rove_error *error) {
    rove__drop_outbox_report sealed = {.batches = 0};
    rove__store_owner owner;

    rove__store_read_owner(replica->store, &owner);
    if (owner.user == 0) {
        return ROVE_OK; /* nobody has worked here yet */
    }
    rove_status status = rove__drop_outbox(replica, &sealed, error);
    if (status == ROVE_OK && sealed.left > 0) {
        return rove__error_set(
            error, ROVE_FULL,
            "There is no room in the drop box for all unsent work. The replica is "
            "wiped when the drop box was delivered: sync.");
    }
    if (status == ROVE_OK) {
        status = rove__drop_receipt(replica, ROVE_ORDER_WIPE, &sealed, error);
    }
    if (status == ROVE_OK) {
        status = rove__drop_journal(replica, &sealed, error);
    }
    rove__log(&replica->ports.log, ROVE_LOG_WARN, "client",
              "before the wipe: %s, %llu batches with %llu changes sealed, and %llu that "
              "headquarters has no backup of",
              rove_status_name(status), (unsigned long long)sealed.batches,
              (unsigned long long)sealed.changes, (unsigned long long)sealed.kept);
    return status;
}

static void forget_credentials(rove *replica) {
    rove__mutex_enter(replica->mutex);
    rove__credentials *old = replica->credentials;
    replica->credentials = NULL;
    replica->identity_status = ROVE_NOT_FOUND;
    rove__client_sign(replica);
    rove__mutex_leave(replica->mutex);
    rove__credentials_free(&replica->ports.allocator, old);
}

/* Step 7, of which whoever opens the folder next does what is left. */
static rove_status erase(const rove_ports *ports, const char *folder, rove_error *error) {
    rove_error detail = {.message = ""};
    rove_status status = rove__store_erase(&ports->allocator, &ports->files, folder, &detail);

    rove__log(&ports->log, status == ROVE_OK ? ROVE_LOG_WARN : ROVE_LOG_ERROR, "client",
              "the replica is wiped: %s", rove_status_name(status));
    return status == ROVE_OK ? ROVE_OK
                             : rove__error_set(error, status,
                                               "The replica is shut for good, but a file of it "
                                               "could not be removed: %.160s The next sync, or "
                                               "opening it, tries again.",
                                               detail.message);
}

/* Steps 6 and 7. */
static rove_status let_go(rove *replica, rove_error *error) {
    rove_status status = rove__store_discard(replica->store, error);

    if (status != ROVE_OK) {
        return status;
    }
    rove__client_close_idle(replica);
    rove__client_shed_exports(replica);
    forget_credentials(replica);
    rove__wipe_stack();
    status = erase(&replica->ports, replica->folder, error);
    return status == ROVE_OK ? rove__store_check(replica->store, error) : status;
}

rove_status rove__client_wipe_on(rove *replica, rove_error *error) {
    rove__orders next = replica->orders;

    rove_status status = put_away(replica, error);
    if (status == ROVE_OK) {
        next.stage = ROVE_STAGE_WIPED;
        status = rove__client_put_orders(replica, &next, error);
    }
    return status == ROVE_OK ? let_go(replica, error) : status;
}

int rove__client_wipe_waits(rove *replica) {
    rove__stage stage = rove__client_stage(replica);

    return stage == ROVE_STAGE_SEALING ||
           (stage == ROVE_STAGE_WIPED && !rove__store_is_wiped(replica->store));
}

rove_status rove__client_wipe_rest(const rove_ports *ports, const char *folder, rove_error *error) {
    if (!ROVE_PLANTED(W02_CUT_SHORT)) {
        (void)erase(ports, folder, NULL); /* it is told so, and the next delivery tries again */
    }
    return rove__error_set(error, ROVE_WIPED, "%s", rove_status_text(ROVE_WIPED));
}

rove_status rove__client_wipe_again(rove *replica, rove_error *error) {
    if (rove__client_stage(replica) == ROVE_STAGE_WIPED) {
        return let_go(replica, error);
    }
    rove_status status = rove__client_contact(replica, error);

    if (status == ROVE_OK) {
        status = rove__client_wipe_on(replica, error);
        rove__client_contact_over(replica);
    }
    return status;
}

/* ---- the last files ---- */

static rove_status remove_files(const rove_ports *ports, const char *folder,
                                const char *const *names, size_t count, rove_error *error) {
    size_t size = strlen(folder) + sizeof "/drop.lock";
    char *path = rove__alloc(&ports->allocator, size);
    rove_status status = path != NULL ? ROVE_OK : ROVE_NOMEM;

    for (size_t i = 0; i < count && status == ROVE_OK; i++) {
        rove__text_format(path, size, "%s/%s", folder, names[i]);
        status = ports->files.remove(ports->files.ctx, path, error);
    }
    rove__free(&ports->allocator, path);
    return status;
}

/* With its lock: what somebody puts in at this moment is there before it is looked at, or is put in after that and stays. */
static rove_status remove_drop(const rove_ports *ports, const char *folder, int *gone,
                               rove_error *error) {
    static const char *const names[] = {"drop.box", "drop.to"};
    rove__drop drop;

    rove_status status = rove__drop_open(&drop, ports, folder, error);
    *gone = status == ROVE_OK && drop.entries.size == 0;
    if (*gone) {
        status = remove_files(ports, folder, names, sizeof names / sizeof *names, error);
    }
    rove__drop_close(&drop);
    return status;
}

static rove_status read_stage(const rove_ports *ports, const char *folder, rove__stage *stage,
                              rove_error *error) {
    const rove__credentials_ports files = {
        .allocator = &ports->allocator, .crypto = &ports->crypto, .files = &ports->files};
    size_t size = strlen(folder) + sizeof "/orders";
    char *path = rove__alloc(&ports->allocator, size);
    rove__orders orders = {.stage = ROVE_STAGE_FREE};
    rove_status status = ROVE_NOMEM;

    if (path != NULL) {
        rove__text_format(path, size, "%s/orders", folder);
        status = rove__orders_load(&files, path, &orders, error);
    }
    rove__free(&ports->allocator, path);
    *stage = orders.stage;
    return status;
}

/* Who was killed before 7 left files that only the order keeps shut: they go before it does. */
rove_status rove__client_wipe_end(const rove_ports *ports, const char *folder, rove_error *error) {
    static const char *const names[] = {"drop.lock", "orders"};
    rove__stage stage = ROVE_STAGE_FREE;
    int gone = 0;
    rove_status status = read_stage(ports, folder, &stage, error);

    if (status != ROVE_OK || stage != ROVE_STAGE_WIPED) {
        return status;
    }
    status = rove__store_erase(&ports->allocator, &ports->files, folder, error);
    if (status == ROVE_OK) {
        status = remove_drop(ports, folder, &gone, error);
    }
    return status == ROVE_OK && gone
               ? remove_files(ports, folder, names, sizeof names / sizeof *names, error)
               : status;
}

/* ---- by the rep ---- */

static rove_status wipe(rove *replica, rove_error *error) {
    rove__orders next = replica->orders;
    rove__store_owner owner;

    if (next.stage == ROVE_STAGE_WIPED && rove__client_wipe_waits(replica)) {
        return rove__client_wipe_again(replica, error);
    }
    rove_status status = rove__client_contact(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove__store_read_owner(replica->store, &owner);
    if (owner.user != 0) {
        status = rove__client_enrolled(replica, error);
    }
    if (status == ROVE_OK && next.stage != ROVE_STAGE_SEALING) {
        next.stage = ROVE_STAGE_SEALING;
        next.order_size = 0;
        status = rove__client_put_orders(replica, &next, error);
    }
    if (status == ROVE_OK) {
        status = rove__client_wipe_on(replica, error);
    }
    rove__client_contact_over(replica);
    return status;
}

rove_status rove_wipe(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_status status = rove__client_take(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove_error detail = {.message = ""};
    status = wipe(replica, &detail);
    rove__client_give(replica);
    return status == ROVE_WIPED ? ROVE_OK : rove__client_said(status, &detail, error);
}
