/*
 * client/receipt.c - what a device says of an order that it carried out: a sealed record, signed by it, that goes the way of all
 * others in the drop box. Whatever comes of it, the order was carried out.
 */
#include <string.h>

#include "client/drop_post.h"
#include "wire/sealed_note.h"

static rove_status write_receipt(rove *replica, rove__order_kind kind,
                                 const rove__drop_outbox_report *sealed, const rove__sealer *sealer,
                                 rove__buf *out) {
    const rove__signed_order order = rove__orders_current(&replica->orders);
    rove_clock_reading now;
    rove__sealed_receipt receipt = {.replica = replica->credentials->identity.replica,
                                    .kind = kind,
                                    .sealed_batches = sealed->batches,
                                    .sealed_changes = sealed->changes,
                                    .records_left = sealed->left};

    replica->ports.clock.read(replica->ports.clock.ctx, &now);
    receipt.wall_ms = now.wall_ms;
    memcpy(receipt.nonce, order.nonce, sizeof receipt.nonce);
    return rove__sealed_receipt_write(&replica->ports.crypto, sealer, &receipt, out);
}

rove_status rove__drop_receipt(rove *replica, rove__order_kind kind,
                               const rove__drop_outbox_report *sealed, rove_error *error) {
    rove__evidence_now evidence;
    rove__sealer sealer = rove__drop_sealer(replica->store, replica->credentials, &evidence);
    rove__buf record;

    if (sealer.recipient == NULL) {
        return ROVE_OK;
    }
    rove__buf_init(&record, &replica->ports.allocator, ROVE_SEALED_MAX);
    rove_status status = write_receipt(replica, kind, sealed, &sealer, &record);
    if (status == ROVE_OK) {
        rove__mutex_enter(replica->dropping);
        status =
            rove__drop_append(&replica->ports, replica->folder, record.data, record.size, error);
        rove__mutex_leave(replica->dropping);
    }
    rove__buf_free(&record);
    return status;
}
