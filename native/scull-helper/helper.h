#pragma once
/* What the files of scull-helper share. main.c has the overview. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_STEPS 512
#define MAX_FDS 64

/* Exit statuses of our own, above those that tools of the field use. */
enum { EXIT_SETUP = 119, EXIT_DETACHED = 118, EXIT_OUTPUT_CLOSED = 117 };

/* Where die() writes. */
extern int complaints;

#define PROGRAM "scull-helper"
#define COMPLAINTS complaints
#include "../program.h"

/* main.c */
extern int lost_output;
void note_lost_output(void);
bool write_all(int fd, const char *data, size_t length);
pid_t read_pid_file(const char *path);

/* namespaces.c */
struct map {
	const char *text; /* "inside:outside:length,…" */
	const char *tool; /* newuidmap or newgidmap */
};

void enter_namespaces(int flags, const struct map *uids, const struct map *gids, bool nested, bool keep_groups, bool keep_ids);
void join_user_namespace(int pid);
void join_owner(const char *path, const struct map *uids, const struct map *gids);
void make_the_others(int flags);
void raise_loopback(void);

/* steps.c */
void perform(int count, char **words);
void make_read_only(char *const *writable, int count);
void set_apart(const char *path);

/* cgroups.c */
pid_t begin_division(const char *path);
void finish_division(pid_t child);

/* terminal.c */
struct detach_keys {
	unsigned char keys[32];
	int length, matched;
};

extern bool terminal_changed;
extern volatile sig_atomic_t resized;
void make_terminal_raw(void);
void restore_terminal(void);
void end_by(int signal_number);
void end_with_parent(void);
void watch_window_size(void);
bool window_size(struct winsize *size);
int wait_for_events(struct pollfd *events, int count, int milliseconds);
bool filter_input(struct detach_keys *detach, const char *in, ssize_t length, char *out, size_t *out_length);
void parse_hex(const char *text, struct detach_keys *detach);

/* What scull-helper does, each with its words of the command line; the result is the exit status. */
int launch(int argc, char **argv);
int keep(int argc, char **argv);
int attach(int argc, char **argv);
int exec_in_container(int argc, char **argv);
