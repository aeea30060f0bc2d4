/*
 * model/builder.h - how a row is put together from protobuf; for builder.c and unpack.c alone.
 */
#ifndef ROVE_MODEL_BUILDER_H
#define ROVE_MODEL_BUILDER_H

#include "model/row.h"

/* Collects one row: its cells, the elements of its sets, and its unknown fields, in any order. */
typedef struct rove__row_builder {
    rove__row *row;
    rove__arena *arena;
    rove_error *error;
    struct rove__elements *sets; /* by ordinal; NULL until the first element */
    size_t extra_capacity;
} rove__row_builder;

ROVE_CHECK rove_status rove__builder_init(rove__row_builder *builder, rove__row *row,
                                          const rove__entity *entity, rove__arena *arena,
                                          rove_error *error);
/* 0 is no id yet; negative is ROVE_RANGE. */
ROVE_CHECK rove_status rove__builder_id(rove__row_builder *builder, int64_t id);
/*
 * A cell, or one element of a set. Checks UTF-8, the range of the integer's type and enumerations; a cell is
 * copied, an element borrowed until rove__builder_finish.
 */
ROVE_CHECK rove_status rove__builder_value(rove__row_builder *builder, size_t ordinal,
                                           rove_value value);
/*
 * The fields of one message, or, with `outer`, of a message nested in it, in protobuf's wire format. Known
 * fields go to cells, others to `extra`.
 */
ROVE_CHECK rove_status rove__builder_fields(rove__row_builder *builder,
                                            const ProtobufCFieldDescriptor *outer,
                                            const uint8_t *bytes, size_t size);
/* Sorts what has to be sorted and writes the sets. */
ROVE_CHECK rove_status rove__builder_finish(rove__row_builder *builder);

#endif
