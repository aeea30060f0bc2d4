/*
 * processes/child.c - see child.h.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy.h"

static int ends[2] = {-1, -1};

static void on_end(int signal_number) {
    int kept = errno;
    (void)signal_number;
    if (write(ends[1], "", 1) < 0) {
        /* The pipe is full: whoever reads it looks at all children anyway. */
    }
    errno = kept;
}

int child_ends(void) {
    struct sigaction action = {.sa_handler = on_end, .sa_flags = SA_RESTART | SA_NOCLDSTOP};

    if (pipe(ends) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    (void)sigaction(SIGCHLD, &action, NULL);
    return ends[0];
}

/* In the child. */
static void become(const child *self, int out, const char *const words[]) {
    int nothing = open("/dev/null", O_RDONLY);
    int errors = open(self->errors, O_WRONLY | O_CREAT | O_APPEND, 0600);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive the driver */
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    (void)execv(words[0], (char *const *)(uintptr_t)words);
    _exit(127);
}

int child_start(child *self, const char *const words[]) {
    int way[2] = {-1, -1};

    if (self->output[0] != '\0') {
        way[1] = open(self->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    } else if (pipe(way) == 0) {
        (void)fcntl(way[0], F_SETFD, FD_CLOEXEC);
        (void)fcntl(way[0], F_SETFL, O_NONBLOCK);
    }
    self->pipe = way[0];
    self->started_ms = now_ms();
    self->kill_ms = INT64_MAX;
    self->killed = 0;
    self->pid = fork();
    if (self->pid == 0) {
        become(self, way[1], words);
    }
    (void)close(way[1]);
    if (self->pid < 0) {
        self->pid = 0;
        return 0;
    }
    return 1;
}

void child_kill(child *self, int signal_number) {
    if (self->pid > 0) {
        self->killed |= signal_number == SIGKILL;
        (void)kill(self->pid, signal_number);
    }
}

int child_ended(child *self) {
    if (self->pid <= 0) {
        return 0;
    }
    if (now_ms() >= self->kill_ms) {
        self->kill_ms = INT64_MAX;
        child_kill(self, SIGKILL);
    }
    if (waitpid(self->pid, &self->status, WNOHANG) != self->pid) {
        return 0;
    }
    self->pid = 0;
    if (self->pipe >= 0) {
        (void)close(self->pipe);
        self->pipe = -1;
    }
    return 1;
}

int child_code(const child *self) {
    return WIFEXITED(self->status) ? WEXITSTATUS(self->status) : -1;
}

char *child_printed(const child *self) {
    FILE *file = fopen(self->output, "r");
    char *text = NULL;
    long size = 0;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0 && (text = malloc((size_t)size + 1)) != NULL) {
        text[fread(text, 1, (size_t)size, file)] = '\0';
    }
    (void)fclose(file);
    return text;
}
