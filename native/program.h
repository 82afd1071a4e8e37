/* How the programs of networks fail and read numbers. Before it: the program's name as PROGRAM, its status EXIT_SETUP. */
#ifndef SCULL_PROGRAM_H
#define SCULL_PROGRAM_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	int saved = errno;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (saved != 0)
		dprintf(2, PROGRAM ": %s: %s\n", text, strerror(saved));
	else
		dprintf(2, PROGRAM ": %s\n", text);
	_exit(EXIT_SETUP);
}

static void __attribute__((noreturn)) usage(const char *what)
{
	errno = 0;
	die("usage: %s", what);
}

static int number(const char *text)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || *text == '\0' || *end != '\0' || value < 0 || value > 0x7fffffff)
		usage(text);
	return (int)value;
}

#endif
