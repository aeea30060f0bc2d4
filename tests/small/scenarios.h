/*
 * small/scenarios.h - what the two reps do: three acts each, of an account that both hold and its visit.
 */
#ifndef ROVE_TESTS_SMALL_SCENARIOS_H
#define ROVE_TESTS_SMALL_SCENARIOS_H

#include "world.h"

#define OPS 3

typedef struct scenario {
    const char *name;
    op ops[DEVICES][OPS];
} scenario;

static const scenario scenarios[] = {
    {"one_field",
     {{{SET, ACCOUNT, "phone", 11}, {SET, ACCOUNT, "phone", 12}, {SET, ACCOUNT, "phone", 13}},
      {{SET, ACCOUNT, "phone", 21}, {SET, ACCOUNT, "phone", 22}, {SET, ACCOUNT, "phone", 23}}}},
    {"update_delete",
     {{{SET, VISIT, "notes", 11}, {DELETE, VISIT, NULL, 0}, {SET, ACCOUNT, "phone", 13}},
      {{SET, VISIT, "notes", 21}, {SET, VISIT, "outcome", 22}, {SET, VISIT, "notes", 23}}}},
    {"two_deletes",
     {{{SET, VISIT, "notes", 11}, {DELETE, VISIT, NULL, 0}, {SET, ACCOUNT, "phone", 13}},
      {{SET, VISIT, "outcome", 21}, {DELETE, VISIT, NULL, 0}, {SET, ACCOUNT, "phone", 23}}}},
    {"child",
     {{{INSERT, NEW_A, "notes", 11}, {SET, NEW_A, "notes", 12}, {SET, ACCOUNT, "phone", 13}},
      {{INSERT, NEW_B, "notes", 21}, {SET, ACCOUNT, "phone", 22}, {DELETE, NEW_B, NULL, 0}}}},
    {"account_deleted",
     {{{INSERT, NEW_A, "notes", 11}, {SET, NEW_A, "notes", 12}, {SET, VISIT, "notes", 13}},
      {{SET, ACCOUNT, "phone", 21}, {DELETE, ACCOUNT, NULL, 0}, {SET, VISIT, "notes", 23}}}},
    {"counter",
     {{{COUNT, ACCOUNT, "points", 10},
       {COUNT, ACCOUNT, "points", 100},
       {COUNT, ACCOUNT, "points", 1000}},
      {{COUNT, ACCOUNT, "points", 10000},
       {COUNT, ACCOUNT, "points", 100000},
       {COUNT, ACCOUNT, "points", -1}}}},
    {"set",
     {{{ADD, ACCOUNT, NULL, 2}, {REMOVE, ACCOUNT, NULL, 1}, {ADD, ACCOUNT, NULL, 1}},
      {{REMOVE, ACCOUNT, NULL, 1}, {ADD, ACCOUNT, NULL, 2}, {REMOVE, ACCOUNT, NULL, 2}}}},
    {"rank",
     {{{RANK, ACCOUNT, "lifecycle_stage", 4},
       {RANK, ACCOUNT, "lifecycle_stage", 1},
       {RANK, ACCOUNT, "lifecycle_stage", 5}},
      {{RANK, ACCOUNT, "lifecycle_stage", 6},
       {RANK, ACCOUNT, "lifecycle_stage", 3},
       {RANK, ACCOUNT, "lifecycle_stage", 7}}}},
    {"seal",
     {{{SET, VISIT, "notes", 11}, {SEAL, VISIT, "outcome", 12}, {SET, VISIT, "notes", 13}},
      {{SET, VISIT, "notes", 21}, {SET, VISIT, "outcome", 22}, {DELETE, VISIT, NULL, 0}}}},
    {"two_seals",
     {{{SET, VISIT, "notes", 11}, {SEAL, VISIT, "outcome", 12}, {SET, ACCOUNT, "phone", 13}},
      {{SET, VISIT, "notes", 21}, {SEAL, VISIT, "outcome", 22}, {SET, ACCOUNT, "phone", 23}}}},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

#endif
