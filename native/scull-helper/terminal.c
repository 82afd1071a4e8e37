/* The caller's terminal: raw while a session lasts, given back however that ends; its size; the keys that leave the session. */
#include "helper.h"
#include <termios.h>

static struct termios saved_terminal;
bool terminal_changed;
volatile sig_atomic_t resized = 1;

void restore_terminal(void)
{
	if (terminal_changed)
		tcsetattr(0, TCSADRAIN, &saved_terminal);
	terminal_changed = false;
}

static void on_resize(int signal_number)
{
	(void)signal_number;
	resized = 1;
}

/*
 * What reaches our whole process group scull passes on, or not; it is not for us to end then. Only scull itself ends us, or the
 * terminal.
 */
static pid_t parent;

void end_by(int signal_number)
{
	sigset_t this;
	restore_terminal();
	signal(signal_number, SIG_DFL);
	sigemptyset(&this);
	sigaddset(&this, signal_number);
	sigprocmask(SIG_UNBLOCK, &this, NULL);
	raise(signal_number);
}

static void on_end(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	bool hung_up = signal_number == SIGHUP && terminal_changed;
	if (!hung_up && (info->si_code > 0 || info->si_pid != parent))
		return;
	end_by(signal_number);
}

/* SIGWINCH is let through only while waiting, so that none comes between looking at the size and waiting for the next. */
void watch_window_size(void)
{
	struct sigaction on_winch = {.sa_handler = on_resize};
	sigset_t winch;
	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	sigaction(SIGWINCH, &on_winch, NULL);
}

int wait_for_events(struct pollfd *events, int count, int milliseconds)
{
	struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
	sigset_t none;
	sigemptyset(&none);
	return ppoll(events, (nfds_t)count, milliseconds < 0 ? NULL : &limit, &none);
}

/* The terminal that shows our output, or else the one we read from. */
bool window_size(struct winsize *size)
{
	return ioctl(isatty(1) ? 1 : 0, TIOCGWINSZ, size) == 0 && size->ws_row != 0;
}

void make_terminal_raw(void)
{
	struct termios raw;
	if (tcgetattr(0, &saved_terminal) < 0)
		return;
	raw = saved_terminal;
	cfmakeraw(&raw);
	terminal_changed = true;
	if (tcsetattr(0, TCSANOW, &raw) < 0)
		terminal_changed = false;
}

/* Every way we can be made to end gives the terminal back as it was; also when scull itself is killed. */
void end_with_parent(void)
{
	const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct sigaction action = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO};
	parent = getppid();
	for (unsigned i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaction(ending[i], &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/*
 * Looks for the detach sequence, also across reads. Bytes of a sequence that did not complete are passed on.
 * Returns true when the sequence is complete; *out then holds what came before it.
 */
bool filter_input(struct detach_keys *detach, const char *in, ssize_t length, char *out, size_t *out_length)
{
	size_t count = 0;
	for (ssize_t i = 0; i < length; i++) {
		if (detach->length > 0 && (unsigned char)in[i] == detach->keys[detach->matched]) {
			if (++detach->matched == detach->length) {
				*out_length = count;
				return true;
			}
			continue;
		}
		for (int m = 0; m < detach->matched; m++)
			out[count++] = (char)detach->keys[m];
		detach->matched = 0;
		if (detach->length > 0 && (unsigned char)in[i] == detach->keys[0]) {
			detach->matched = 1;
			if (detach->length == 1) {
				*out_length = count;
				return true;
			}
			continue;
		}
		out[count++] = in[i];
	}
	*out_length = count;
	return false;
}

void parse_hex(const char *text, struct detach_keys *detach)
{
	for (detach->length = 0; text[0] != '\0' && text[1] != '\0' && detach->length < 32; text += 2) {
		unsigned value;
		if (sscanf(text, "%2x", &value) != 1)
			usage("--detach-keys HEX");
		detach->keys[detach->length++] = (unsigned char)value;
	}
}
