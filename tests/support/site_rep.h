/*
 * support/site_rep.h - what the two halves of a rep share.
 */
#ifndef ROVE_TESTS_SITE_REP_H
#define ROVE_TESTS_SITE_REP_H

#include "site.h"
#include "wire/batch.h"
#include "wire/frame.h"

rep_row *rep_find_number(rep *r, uint32_t entity, rove_id id);
void rep_drop(rep *r, rep_row *row);
void rep_put_whole(rep *r, const rove__change *change);
void rep_put_part(rep *r, const rove__change *change);
void rep_apply_ack(rep *r, const rove__ack *ack);
void rep_need(rep *r, uint64_t number);
void rep_apply_rows(rep *r, rove__bytes rows, rep_outcome *outcome);
void rep_apply_page(rep *r, const rove__page *page, rep_outcome *outcome);
void rep_total(rep *r, rove__hash128 *total);
void rep_digests(rep *r, rove__digest_list *list);

#endif
