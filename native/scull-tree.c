/*
 * scull-tree: trees of files as tar streams and as lists of changes, for what JavaScript cannot do fast or at all
 * (extended attributes, holes, opening beneath a directory while somebody swaps links). It decides nothing, executes and
 * loads nothing; what it may touch are the directories that scull names.
 *
 *   pack  OPTIONS   a tar on standard output
 *   diff  OPTIONS   "A PATH\0", "C PATH\0", "D PATH\0" on standard output
 *
 *   --new DIR       layer of the tree looked at, highest first; more than one are merged as overlay would
 *   --old DIR       layer of what it is compared with, highest first
 *   --upper         --new is one overlay upper directory: what is in it are the changes; nothing else is looked at
 *   --compare       compare --new with --old, entry by entry (a storage driver without layers; two images)
 *   --copied FILE   --new is a copy of --old that was whole when FILE was made: what was not touched since is the same
 *   --dot-marks     names `.wh.…` in layers are whiteouts (fuse-overlayfs, where it cannot make devices)
 *   --skip PATH     leave this path out where it is an empty file or directory: made for a mount
 *   --clamp SECONDS no time later than this
 *   --report FD     counts, and the opaque directories
 *   --contents FD   with pack --upper: what is on disk, a line each, in the form of src/storage/layers/contents.ts
 *
 * or, to pack one file or directory as a container sees it:
 *
 *   --root DIR --path PATH --as NAME   (and --mount, --id-map: see root.h)
 *
 * Without --upper and --compare pack writes the whole (merged) tree. Entries come sorted by the bytes of their names, each
 * directory before what is in it, so that equal trees give equal bytes. Times in whole seconds, as layers have them.
 *
 * A directory is opened by descriptor from its parent's, never through a link, and what was opened is what is read.
 */
#define PROGRAM "scull-tree"
#include "tree.h"
#include "root.h"

#define BLOCK 512
#define MAX_LAYERS 512
/* Below that a hole is written as the zeros it reads as: a sparse map would make equal content unequal archives. */
#define SMALLEST_HOLES (1024 * 1024)

/* --- what was asked for ------------------------------------------------------------------------------------------ */

static struct {
	int new_layers[MAX_LAYERS], old_layers[MAX_LAYERS];
	int new_count, old_count;
	bool pack, upper, compare, dot_marks, clamped;
	long long clamp;
	struct timespec copied; /* zero: nobody knows */
	const char **skips;
	int skip_count;
	FILE *report, *contents;
	const char *path, *name;
} options;

/* With --root. */
static struct root root = {.fd = -1};

/* The path of the entry at hand, from the root of the tree, without a slash at the beginning. */
static struct bytes path;

static struct {
	long long entries, files, directories, bytes, whiteouts;
} counts;

/* --- output ------------------------------------------------------------------------------------------------------ */

static char output[256 * 1024];
static size_t output_fill;

static void write_out(const char *data, size_t length)
{
	while (length > 0) {
		ssize_t done = write(1, data, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die("cannot write");
		data += done;
		length -= (size_t)done;
	}
}

static void flush_out(void)
{
	write_out(output, output_fill);
	output_fill = 0;
}

static void put(const void *data, size_t length)
{
	if (length > sizeof output - output_fill)
		flush_out();
	if (length > sizeof output) {
		write_out(data, length);
		return;
	}
	memcpy(output + output_fill, data, length);
	output_fill += length;
}

static void put_zeros(long long count)
{
	static const char zeros[64 * 1024];
	for (; count > 0; count -= (long long)sizeof zeros)
		put(zeros, count > (long long)sizeof zeros ? sizeof zeros : (size_t)count);
}

/* --- what is on disk ---------------------------------------------------------------------------------------------- */

/* CRC-32 as zlib's, eight bytes at a time. */
static uint32_t crc_table[8][256];

static void make_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;
		for (int bit = 0; bit < 8; bit++)
			value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
		crc_table[0][i] = value;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int n = 1; n < 8; n++)
			crc_table[n][i] = crc_table[n - 1][i] >> 8 ^ crc_table[0][crc_table[n - 1][i] & 255];
}

static uint32_t crc32(uint32_t sum, const char *data, size_t length)
{
	const unsigned char *at = (const unsigned char *)data;
	sum = ~sum;
	for (; length >= 8; at += 8, length -= 8) {
		uint32_t low = sum ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
		sum = crc_table[7][low & 255] ^ crc_table[6][low >> 8 & 255] ^ crc_table[5][low >> 16 & 255] ^ crc_table[4][low >> 24] ^
		      crc_table[3][at[4]] ^ crc_table[2][at[5]] ^ crc_table[1][at[6]] ^ crc_table[0][at[7]];
	}
	for (; length > 0; at++, length--)
		sum = sum >> 8 ^ crc_table[0][(sum ^ *at) & 255];
	return ~sum;
}

/* Of the file being packed, up to `position`: gaps read as zeros. */
static struct {
	uint32_t sum;
	off_t position;
} content;

static void sum_zeros_up_to(off_t position)
{
	static const char zeros[64 * 1024];
	while (content.position < position) {
		off_t rest = position - content.position, length = rest < (off_t)sizeof zeros ? rest : (off_t)sizeof zeros;
		content.sum = crc32(content.sum, zeros, (size_t)length);
		content.position += length;
	}
}

static void sum_content(const char *data, size_t length, off_t offset)
{
	sum_zeros_up_to(offset);
	content.sum = crc32(content.sum, data, length);
	content.position += (off_t)length;
}

static void note_name(const char *name, char end)
{
	for (; *name != '\0'; name++) {
		if (*name == '\\' || *name == '\t' || *name == '\n') {
			putc('\\', options.contents);
			putc(*name == '\\' ? '\\' : *name == '\t' ? 't' : 'n', options.contents);
		} else
			putc(*name, options.contents);
	}
	putc(end, options.contents);
}

/* One line about the entry in `path`; files with several names are for their first one only. */
static void note(const struct stat *stat, uint32_t sum, const char *target)
{
	unsigned mode = stat->st_mode & 07777;
	unsigned long uid = stat->st_uid, gid = stat->st_gid;
	if (options.contents == NULL)
		return;
	switch (stat->st_mode & S_IFMT) {
	case S_IFREG:
		fprintf(options.contents, "f\t%o\t%lu\t%lu\t%lld\t%x\t", mode, uid, gid, (long long)stat->st_size, sum);
		break;
	case S_IFDIR:
	case S_IFIFO:
		fprintf(options.contents, "%c\t%o\t%lu\t%lu\t", S_ISDIR(stat->st_mode) ? 'd' : 'p', mode, uid, gid);
		break;
	case S_IFLNK:
		fprintf(options.contents, "l\t%lu\t%lu\t", uid, gid);
		break;
	case S_IFCHR:
		fputs("w\t", options.contents);
		break;
	default:
		return;
	}
	note_name(path.length == 0 ? "." : path.data, target == NULL ? '\n' : '\t');
	if (target != NULL)
		note_name(target, '\n');
}

static void note_hard_link(const char *first)
{
	if (options.contents == NULL)
		return;
	fputs("h\t", options.contents);
	note_name(path.data, '\t');
	note_name(first, '\n');
}

/* --- contents of files -------------------------------------------------------------------------------------------- */

/* `length` bytes of a file; what it has lost since it was looked at reads as zeros, as tar does it. */
static void put_file(int fd, off_t offset, off_t length)
{
	static bool no_sendfile;
	bool summed = options.contents != NULL;
	if (length <= 32 * 1024) {
		/* One copy into the buffer is cheaper than a call of its own. */
		if ((size_t)length > sizeof output - output_fill)
			flush_out();
		while (length > 0) {
			ssize_t done = pread(fd, output + output_fill, (size_t)length, offset);
			if (done <= 0)
				break;
			if (summed)
				sum_content(output + output_fill, (size_t)done, offset);
			output_fill += (size_t)done;
			offset += done;
			length -= done;
		}
		put_zeros(length);
		return;
	}
	flush_out();
	while (length > 0 && !no_sendfile && !summed) {
		ssize_t done = sendfile(1, fd, &offset, length > (1 << 30) ? 1 << 30 : (size_t)length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EINVAL || errno == ENOSYS))
			no_sendfile = true;
		else if (done < 0)
			die("cannot copy a file");
		else if (done == 0)
			break;
		else
			length -= done;
	}
	while (length > 0 && (no_sendfile || summed)) {
		ssize_t done = pread(fd, output, length > (off_t)sizeof output ? sizeof output : (size_t)length, offset);
		if (done < 0)
			die("cannot read a file");
		if (done == 0)
			break;
		if (summed)
			sum_content(output, (size_t)done, offset);
		write_out(output, (size_t)done);
		offset += done;
		length -= done;
	}
	put_zeros(length);
}

/* --- tar: POSIX.1-2017 pax(1) ------------------------------------------------------------------------------------ */

static struct bytes pax;

static void pax_record(const char *key, const void *value, size_t length)
{
	char digits[24];
	size_t rest = strlen(key) + length + 3; /* blank, =, newline */
	size_t total = rest + 1;
	while (true) { /* the length counts itself */
		size_t now = rest + (size_t)snprintf(digits, sizeof digits, "%zu", total);
		if (now == total)
			break;
		total = now;
	}
	add_text(&pax, digits);
	add_text(&pax, " ");
	add_text(&pax, key);
	add_text(&pax, "=");
	add(&pax, value, length);
	add_text(&pax, "\n");
}

static void pax_number(const char *key, long long value)
{
	char text[24];
	pax_record(key, text, (size_t)snprintf(text, sizeof text, "%lld", value));
}

static void octal(char *field, size_t width, unsigned long long value)
{
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	field[width - 1] = '\0';
}

struct entry {
	char type;
	const char *name, *link;
	unsigned mode;
	long long uid, gid, size, mtime;
	unsigned major, minor;
};

static void put_block(const struct entry *entry, const char *name, char type, long long size)
{
	char block[BLOCK] = {0};
	unsigned sum = 0;
	size_t length = strlen(name);
	memcpy(block, name, length > 100 ? 100 : length);
	octal(block + 100, 8, entry->mode & 07777);
	octal(block + 108, 8, (unsigned long long)(entry->uid > 07777777 ? 0 : entry->uid));
	octal(block + 116, 8, (unsigned long long)(entry->gid > 07777777 ? 0 : entry->gid));
	octal(block + 124, 12, (unsigned long long)(size > 077777777777LL ? 0 : size));
	octal(block + 136, 12, (unsigned long long)(entry->mtime < 0 || entry->mtime > 077777777777LL ? 0 : entry->mtime));
	block[156] = type;
	if (entry->link != NULL && type != 'x') {
		length = strlen(entry->link);
		memcpy(block + 157, entry->link, length > 100 ? 100 : length);
	}
	memcpy(block + 257, "ustar\00000", 8);
	octal(block + 329, 8, entry->major);
	octal(block + 337, 8, entry->minor);
	memset(block + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	octal(block + 148, 7, sum);
	put(block, BLOCK);
}

/* The header of an entry, with an extended one before it where a value does not fit or `pax` holds records already. */
static void put_header(const struct entry *entry)
{
	if (strlen(entry->name) > 100)
		pax_record("path", entry->name, strlen(entry->name));
	if (entry->link != NULL && strlen(entry->link) > 100)
		pax_record("linkpath", entry->link, strlen(entry->link));
	if (entry->uid > 07777777)
		pax_number("uid", entry->uid);
	if (entry->gid > 07777777)
		pax_number("gid", entry->gid);
	if (entry->size > 077777777777LL)
		pax_number("size", entry->size);
	if (entry->mtime < 0 || entry->mtime > 077777777777LL)
		pax_number("mtime", entry->mtime);
	if (pax.length > 0) {
		struct entry extended = {.mode = 0644};
		put_block(&extended, "././@PaxHeader", 'x', (long long)pax.length);
		put(pax.data, pax.length);
		put_zeros(-(long long)pax.length & (BLOCK - 1));
		truncate_to(&pax, 0);
	}
	put_block(entry, entry->name, entry->type, entry->size);
	counts.entries++;
}

/* --- extended attributes ----------------------------------------------------------------------------------------- */

/* What we do not write and would read wrongly. */
static void refuse_unknown_mark(const char *attribute)
{
	const char *mark = strrchr(attribute, '.');
	if (strstr(attribute, ".overlay.") != NULL && (strcmp(mark, ".redirect") == 0 || strcmp(mark, ".metacopy") == 0))
		refuse("/%s: overlay has moved it or keeps only its attributes (redirect_dir, metacopy), which is not supported", path.data);
}

/* Appends the kept attributes to `pax`, sorted. `fd`: the file, where it is open, which saves looking it up again; or -1. */
static void pack_xattrs(int parent, const char *name, int fd)
{
	static char list[XATTR_LIST_MAX_BYTES], value[65536];
	const char *names[256];
	int count = 0;
	ssize_t length = fd >= 0 ? flistxattr(fd, list, sizeof list) : llistxattr(by_descriptor(parent, name), list, sizeof list);
	if (length < 0) {
		if (errno == ENOTSUP || errno == ENOENT)
			return;
		die("cannot list the attributes of %s", name);
	}
	for (char *at = list; at < list + length; at += strlen(at) + 1) {
		refuse_unknown_mark(at);
		if (is_kept(at) && count < 256)
			names[count++] = at;
	}
	qsort(names, (size_t)count, sizeof *names, compare_texts);
	for (int i = 0; i < count; i++) {
		char key[300];
		ssize_t size = fd >= 0 ? fgetxattr(fd, names[i], value, sizeof value) : lgetxattr(by_descriptor(parent, name), names[i], value, sizeof value);
		if (size < 0) {
			if (errno == ENODATA || errno == ENOENT)
				continue;
			die("cannot read attribute %s of %s", names[i], name);
		}
		snprintf(key, sizeof key, "SCHILY.xattr.%s", names[i]);
		pax_record(key, value, (size_t)size);
	}
}

/* Overlay's own attribute, by any of the names under which drivers of a user namespace write it. */
static bool overlay_mark(int parent, const char *name, const char *mark, char *value)
{
	static const char *const prefixes[] = {"user.overlay.", "user.fuseoverlayfs.", "trusted.overlay."};
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		char key[64];
		snprintf(key, sizeof key, "%s%s", prefixes[i], mark);
		ssize_t length = lgetxattr(by_descriptor(parent, name), key, value, 255);
		if (length >= 0) {
			value[length] = '\0';
			return true;
		}
	}
	return false;
}

static bool is_opaque(int parent, const char *name)
{
	char value[256];
	return overlay_mark(parent, name, "opaque", value) && value[0] == 'y';
}

/* --- layers as one tree ------------------------------------------------------------------------------------------- */

/* A directory: its parts on disk, highest first. */
struct merged {
	int *fds;
	int count;
};

static void close_merged(struct merged *directory)
{
	for (int i = 0; i < directory->count; i++)
		close(directory->fds[i]);
	free(directory->fds);
	*directory = (struct merged){0};
}

static bool has_dot_mark(int fd, const char *name)
{
	char mark[300];
	struct stat stat;
	if (!options.dot_marks)
		return false;
	snprintf(mark, sizeof mark, ".wh.%s", name);
	return fstatat(fd, mark, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A whiteout as overlay has it: a character device 0:0, or (Linux 6.7) an empty file with an attribute. */
static bool is_whiteout(int parent, const char *name, const struct stat *stat)
{
	char value[256];
	if (S_ISCHR(stat->st_mode))
		return stat->st_rdev == makedev(0, 0);
	return S_ISREG(stat->st_mode) && stat->st_size == 0 && stat->st_nlink == 1 && overlay_mark(parent, name, "whiteout", value);
}

/* After a failed open: an entry that a running container has removed, or made something else, since its name was read is no failure. */
static void refuse_unless_swapped(void)
{
	if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		die("cannot open /%s", path.data);
}

/* @returns false where it is gone meanwhile, or never was there */
static bool look_at(int parent, const char *name, struct stat *stat)
{
	if (fstatat(parent, name, stat, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (errno != ENOENT)
		die("cannot look at /%s", path.data);
	return false;
}

/* @returns the index of the layer that shows `name`, or -1; nothing of what is in the way of a whiteout shows */
static int look_up(const struct merged *directory, const char *name, struct stat *stat)
{
	for (int i = 0; i < directory->count; i++) {
		if (look_at(directory->fds[i], name, stat))
			return is_whiteout(directory->fds[i], name, stat) ? -1 : i;
		if (has_dot_mark(directory->fds[i], name))
			return -1;
	}
	return -1;
}

static int open_directory(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The directory `name` of the layers from `first` on, down to where something hides the rest. */
static void open_merged(const struct merged *parent, const char *name, int first, struct merged *result)
{
	*result = (struct merged){checked(malloc((size_t)(parent->count - first + 1) * sizeof(int))), 0};
	for (int i = first; i < parent->count; i++) {
		struct stat stat;
		if (!look_at(parent->fds[i], name, &stat)) {
			if (has_dot_mark(parent->fds[i], name))
				return;
			continue;
		}
		if (!S_ISDIR(stat.st_mode))
			return;
		int fd = open_directory(parent->fds[i], name);
		if (fd < 0) {
			refuse_unless_swapped();
			continue;
		}
		result->fds[result->count++] = fd;
		if (is_opaque(parent->fds[i], name) || has_dot_mark(fd, ".wh..opq"))
			return;
	}
}

/* Every name in any of the parts; whether it shows is for look_up to say. */
static void add_names(struct names *names, const struct merged *directory)
{
	for (int i = 0; i < directory->count; i++)
		read_names(directory->fds[i], names);
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static long long time_of(const struct stat *stat)
{
	return options.clamped && stat->st_mtim.tv_sec > options.clamp ? options.clamp : stat->st_mtim.tv_sec;
}

/* GNU's sparse format 1.0, which every tar of the field reads: the map stands before the data. */
static void pack_sparse(int fd, struct entry *entry, const struct run *runs, size_t count)
{
	struct bytes map = {0};
	char line[48];
	long long stored = 0;
	snprintf(line, sizeof line, "%zu\n", count + 1);
	add_text(&map, line);
	for (size_t i = 0; i <= count; i++) { /* the last one, empty, says where the file ends */
		struct run run = i < count ? runs[i] : (struct run){entry->size, 0};
		snprintf(line, sizeof line, "%lld\n%lld\n", (long long)run.offset, (long long)run.length);
		add_text(&map, line);
		stored += run.length;
	}
	pax_number("GNU.sparse.major", 1);
	pax_number("GNU.sparse.minor", 0);
	pax_record("GNU.sparse.name", entry->name, strlen(entry->name));
	pax_number("GNU.sparse.realsize", entry->size);
	long long padding = -(long long)map.length & (BLOCK - 1);
	struct entry header = *entry;
	header.name = "GNUSparseFile.0/file";
	header.size = (long long)map.length + padding + stored;
	put_header(&header);
	put(map.data, map.length);
	put_zeros(padding);
	for (size_t i = 0; i < count; i++)
		put_file(fd, runs[i].offset, runs[i].length);
	put_zeros(-stored & (BLOCK - 1));
	free(map.data);
}

static void pack_file(int parent, const char *name, struct entry *entry)
{
	struct stat stat;
	size_t count;
	int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0) {
		if (errno == ENOENT || errno == ELOOP || errno == ENXIO)
			return; /* gone, or something else by now */
		die("cannot open /%s", path.data);
	}
	if (!S_ISREG(stat.st_mode)) {
		close(fd);
		return;
	}
	content.sum = 0;
	content.position = 0;
	entry->size = stat.st_size;
	counts.files++;
	counts.bytes += stat.st_size;
	pack_xattrs(parent, name, fd);
	struct run *runs = find_runs(fd, &stat, SMALLEST_HOLES, &count);
	if (runs != NULL) {
		pack_sparse(fd, entry, runs, count);
		free(runs);
	} else {
		put_header(entry);
		put_file(fd, 0, stat.st_size);
		put_zeros(-(long long)stat.st_size & (BLOCK - 1));
	}
	if (options.contents != NULL)
		sum_zeros_up_to(stat.st_size);
	note(&stat, content.sum, NULL);
	close(fd);
}

/* One entry that is no directory, under the name in `path`. */
static void pack_entry(int parent, const char *name, const struct stat *stat)
{
	struct entry entry = {.name = path.data, .mode = stat->st_mode, .uid = seen_id(&root.uids, stat->st_uid), .gid = seen_id(&root.gids, stat->st_gid), .mtime = time_of(stat)};
	char target[4096 + 1];
	if (stat->st_nlink > 1 && !S_ISSOCK(stat->st_mode)) {
		entry.link = first_name(stat, path.data);
		if (entry.link != NULL) {
			entry.type = '1';
			put_header(&entry);
			note_hard_link(entry.link);
			return;
		}
	}
	switch (stat->st_mode & S_IFMT) {
	case S_IFREG:
		entry.type = '0';
		pack_file(parent, name, &entry);
		return;
	case S_IFLNK: {
		ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
		if (length < 0)
			return;
		target[length] = '\0';
		entry.type = '2';
		entry.link = target;
		entry.mode = 0777;
		note(stat, 0, target);
		break;
	}
	case S_IFCHR:
	case S_IFBLK:
		entry.type = S_ISCHR(stat->st_mode) ? '3' : '4';
		entry.major = major(stat->st_rdev);
		entry.minor = minor(stat->st_rdev);
		break;
	case S_IFIFO:
		entry.type = '6';
		counts.files++;
		note(stat, 0, NULL);
		break;
	default: /* a socket is of no use without who listens */
		return;
	}
	pack_xattrs(parent, name, -1);
	put_header(&entry);
}

static void pack_directory(int parent, const char *name, const struct stat *stat)
{
	struct entry entry = {.type = '5', .mode = stat->st_mode, .uid = seen_id(&root.uids, stat->st_uid), .gid = seen_id(&root.gids, stat->st_gid), .mtime = time_of(stat)};
	size_t length = path.length;
	add_text(&path, "/");
	entry.name = path.data;
	pack_xattrs(parent, name, -1);
	put_header(&entry);
	truncate_to(&path, length);
	counts.directories++;
}

/* An empty file beside what it hides: OCI image-spec layer.md "Whiteouts". Nothing in it depends on when it was made. */
static void pack_whiteout(const char *name)
{
	struct bytes full = {0};
	add_text(&full, path.data);
	char *slash = strrchr(full.data, '/');
	truncate_to(&full, slash == NULL ? 0 : (size_t)(slash - full.data) + 1);
	add_text(&full, ".wh.");
	add_text(&full, name);
	struct entry entry = {.type = '0', .name = full.data};
	put_header(&entry);
	free(full.data);
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

/* Directories above the present one that were not told yet: they are, as changed, with the first change below them. */
struct pending {
	struct pending *above;
	int parent;
	const char *name;
	size_t length; /* of their path */
	struct stat stat;
	bool told;
};

static void say_change(char kind, size_t length)
{
	char head[3] = {kind, ' ', '/'};
	put(head, 3);
	put(path.data, length);
	put("", 1);
}

static void tell_above(struct pending *pending)
{
	if (pending == NULL || pending->told)
		return;
	tell_above(pending->above);
	pending->told = true;
	if (options.pack) {
		/* `path` is longer by now: cut for the name of the one above, then put back. */
		char *rest = checked(strdup(path.data + pending->length));
		truncate_to(&path, pending->length);
		pack_directory(pending->parent, pending->name, &pending->stat);
		add_text(&path, rest);
		free(rest);
	} else
		say_change('C', pending->length);
}

static bool is_skipped(const struct stat *stat, int parent, const char *name)
{
	bool listed = false;
	for (int i = 0; i < options.skip_count && !listed; i++)
		listed = strcmp(options.skips[i], path.data) == 0;
	if (!listed)
		return false;
	if (S_ISREG(stat->st_mode))
		return stat->st_size == 0;
	if (!S_ISDIR(stat->st_mode))
		return false;
	struct names names = {0};
	int fd = open_directory(parent, name);
	if (fd < 0) {
		refuse_unless_swapped();
		return false;
	}
	read_names(fd, &names);
	/* What is in it may have been made for mounts as well: /dev/pts in /dev. */
	bool all = true;
	size_t length = path.length;
	for (size_t i = 0; i < names.count && all; i++) {
		struct stat below;
		if (options.dot_marks && starts_with(names.list[i], ".wh."))
			continue;
		add_text(&path, "/");
		add_text(&path, names.list[i]);
		all = look_at(fd, names.list[i], &below) && is_skipped(&below, fd, names.list[i]);
		truncate_to(&path, length);
	}
	free_names(&names);
	close(fd);
	return all;
}

/* What is left out of the archive is on disk nevertheless. */
static void note_left_out(const struct stat *stat, int parent, const char *name)
{
	static char buffer[64 * 1024];
	size_t length = path.length;
	if (options.contents == NULL)
		return;
	if (S_ISREG(stat->st_mode)) {
		uint32_t sum = 0;
		ssize_t done = 0;
		int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		while (fd >= 0 && (done = read(fd, buffer, sizeof buffer)) > 0)
			sum = crc32(sum, buffer, (size_t)done);
		if (fd < 0 || done < 0)
			die("cannot read /%s", path.data);
		close(fd);
		note(stat, sum, NULL);
		return;
	}
	if (S_ISLNK(stat->st_mode)) {
		ssize_t done = readlinkat(parent, name, buffer, sizeof buffer - 1);
		if (done < 0)
			die("cannot read /%s", path.data);
		buffer[done] = '\0';
		note(stat, 0, buffer);
		return;
	}
	note(stat, 0, NULL);
	if (!S_ISDIR(stat->st_mode))
		return;
	struct names names = {0};
	int fd = open_directory(parent, name);
	if (fd < 0)
		die("cannot open /%s", path.data);
	read_names(fd, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct stat below;
		add_text(&path, "/");
		add_text(&path, names.list[i]);
		if (look_at(fd, names.list[i], &below))
			note_left_out(&below, fd, names.list[i]);
		truncate_to(&path, length);
	}
	free_names(&names);
	close(fd);
}

static bool same_target(int parent_a, int parent_b, const char *name)
{
	char a[4096], b[4096];
	ssize_t length_a = readlinkat(parent_a, name, a, sizeof a), length_b = readlinkat(parent_b, name, b, sizeof b);
	return length_a >= 0 && length_a == length_b && memcmp(a, b, (size_t)length_a) == 0;
}

static bool same_bytes(int parent_a, int parent_b, const char *name)
{
	static char a[64 * 1024], b[64 * 1024];
	int fd_a = openat(parent_a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd_a < 0)
		refuse_unless_swapped();
	int fd_b = openat(parent_b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd_b < 0)
		refuse_unless_swapped();
	ssize_t length = fd_a < 0 || fd_b < 0 ? -1 : 1;
	for (off_t offset = 0; length > 0; offset += length) {
		length = pread(fd_a, a, sizeof a, offset);
		if (length < 0 && errno != EISDIR) /* swapped */
			die("cannot read /%s", path.data);
		if (pread(fd_b, b, sizeof b, offset) != length || (length > 0 && memcmp(a, b, (size_t)length) != 0))
			length = -1;
	}
	if (fd_a >= 0)
		close(fd_a);
	if (fd_b >= 0)
		close(fd_b);
	return length == 0;
}

/* The time of its last change nobody can set (inode(7)). */
static bool is_untouched(const struct stat *stat)
{
	return stat->st_ctim.tv_sec < options.copied.tv_sec || (stat->st_ctim.tv_sec == options.copied.tv_sec && stat->st_ctim.tv_nsec < options.copied.tv_nsec);
}

/* @param a in the new tree. Of directories only what they are themselves: their time changes with what is in them. */
static bool same(int parent_a, const struct stat *a, int parent_b, const struct stat *b, const char *name)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	if (S_ISDIR(a->st_mode))
		return true;
	if (S_ISLNK(a->st_mode))
		return same_target(parent_a, parent_b, name);
	if (S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode))
		return a->st_rdev == b->st_rdev;
	if (a->st_dev == b->st_dev && a->st_ino == b->st_ino)
		return true;
	/* Files that came out of a layer have whole seconds: what was written in the same one looks the same. */
	if (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return false;
	return !S_ISREG(a->st_mode) || is_untouched(a) || same_bytes(parent_a, parent_b, name);
}

/* Names and values, sorted, of those that layers keep. */
static void kept_attributes(int parent, const char *name, struct bytes *result)
{
	static char list[XATTR_LIST_MAX_BYTES], value[65536];
	const char *names[256];
	int count = 0;
	ssize_t length = llistxattr(by_descriptor(parent, name), list, sizeof list);
	for (char *at = list; length > 0 && at < list + length; at += strlen(at) + 1)
		if (is_kept(at) && count < 256)
			names[count++] = at;
	qsort(names, (size_t)count, sizeof *names, compare_texts);
	for (int i = 0; i < count; i++) {
		ssize_t size = lgetxattr(by_descriptor(parent, name), names[i], value, sizeof value);
		if (size < 0)
			continue;
		add(result, names[i], strlen(names[i]) + 1);
		add(result, &size, sizeof size);
		add(result, value, (size_t)size);
	}
}

static bool same_attributes(int parent_a, int parent_b, const char *name)
{
	struct bytes a = {0}, b = {0};
	kept_attributes(parent_a, name, &a);
	kept_attributes(parent_b, name, &b);
	bool equal = a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
	free(a.data);
	free(b.data);
	return equal;
}

/* What was copied up and is as it was below, down to the last byte: which files that happens to, differs from driver to driver. */
static bool unchanged(int parent_a, const struct stat *a, int parent_b, const struct stat *b, const char *name)
{
	return same(parent_a, a, parent_b, b, name) && a->st_mtim.tv_sec == b->st_mtim.tv_sec && same_attributes(parent_a, parent_b, name);
}

static void walk(const struct merged *new, const struct merged *old, struct pending *above, bool upper);

static void tell_deleted(const char *name, struct pending *above)
{
	tell_above(above);
	if (options.pack) {
		pack_whiteout(name);
		counts.whiteouts++;
	} else
		say_change('D', path.length);
}

/* A directory of the new tree and all below it. */
static void walk_directory(const struct merged *new, int index, const char *name, const struct stat *stat, const struct merged *old, int old_index, const struct stat *old_stat,
			   struct pending *above, bool upper)
{
	struct merged below_new, below_old = {0};
	int parent = new->fds[index];
	bool was_directory = old_index >= 0 && S_ISDIR(old_stat->st_mode);
	bool opaque = upper && is_opaque(parent, name);
	open_merged(new, name, index, &below_new);
	if (below_new.count > 0 && upper && options.dot_marks && has_dot_mark(below_new.fds[0], ".wh..opq"))
		opaque = true;
	if (was_directory)
		open_merged(old, name, old_index, &below_old);
	struct pending here = {.above = above, .parent = parent, .name = name, .length = path.length, .stat = *stat};
	bool whole = !options.upper && !options.compare;
	if (whole || old_index < 0 || (opaque && !options.pack) || !same(parent, stat, old->fds[old_index], old_stat, name) ||
	    (options.pack && !same_attributes(parent, old->fds[old_index], name))) {
		tell_above(above);
		here.told = true;
		if (options.pack)
			pack_directory(parent, name, stat);
		else
			say_change(old_index < 0 ? 'A' : 'C', path.length);
	}
	if (opaque && options.report != NULL)
		fprintf(options.report, "opaque %s%c", path.data, 0);
	/* Whether a directory is marked opaque, or each file that is gone has a whiteout, differs from driver to driver: what is gone is told, always. */
	walk(&below_new, &below_old, &here, upper && !opaque);
	close_merged(&below_new);
	close_merged(&below_old);
}

static void visit(const struct merged *new, const struct merged *old, const char *name, struct pending *above, bool upper)
{
	struct stat stat, old_stat;
	int old_index = -1, index = 0;
	if (upper) {
		if (!look_at(new->fds[0], name, &stat))
			return;
		if (starts_with(name, ".wh.")) {
			note_left_out(&stat, new->fds[0], name);
			if (!options.dot_marks)
				fprintf(stderr, "warning: /%s is left out: in an image its name would hide another file\n", path.data);
			else if (!starts_with(name, ".wh..wh.")) {
				size_t length = path.length, start = length - strlen(name);
				char *hidden = checked(strdup(name + 4));
				truncate_to(&path, start);
				add_text(&path, hidden);
				struct stat gone;
				if (look_up(old, hidden, &gone) >= 0)
					tell_deleted(hidden, above);
				truncate_to(&path, start);
				add_text(&path, name);
				free(hidden);
			}
			return;
		}
		if (is_whiteout(new->fds[0], name, &stat)) {
			struct stat gone;
			note(&stat, 0, NULL);
			if (look_up(old, name, &gone) >= 0)
				tell_deleted(name, above);
			return;
		}
	} else
		index = look_up(new, name, &stat);
	old_index = look_up(old, name, &old_stat);
	if (index < 0) {
		struct stat mark; /* in an opaque directory */
		if (options.contents != NULL && new->count > 0 && fstatat(new->fds[0], name, &mark, AT_SYMLINK_NOFOLLOW) == 0)
			note_left_out(&mark, new->fds[0], name);
		if (old_index >= 0)
			tell_deleted(name, above);
		return;
	}
	if (is_skipped(&stat, new->fds[index], name) && old_index < 0) {
		note_left_out(&stat, new->fds[index], name);
		return;
	}
	if (S_ISDIR(stat.st_mode)) {
		note(&stat, 0, NULL);
		walk_directory(new, index, name, &stat, old, old_index, &old_stat, above, upper);
		return;
	}
	if (options.compare && !upper && old_index >= 0 && same(new->fds[index], &stat, old->fds[old_index], &old_stat, name) &&
	    (!options.pack || same_attributes(new->fds[index], old->fds[old_index], name)))
		return;
	if (options.upper && options.pack && old_index >= 0 && unchanged(new->fds[index], &stat, old->fds[old_index], &old_stat, name)) {
		note_left_out(&stat, new->fds[index], name);
		return;
	}
	tell_above(above);
	if (options.pack)
		pack_entry(new->fds[index], name, &stat);
	else
		say_change(old_index < 0 ? 'A' : 'C', path.length);
}

/* @param upper what is in `new` are the changes themselves */
static void walk(const struct merged *new, const struct merged *old, struct pending *above, bool upper)
{
	size_t length = path.length;
	struct names names = {0};
	add_names(&names, new);
	if (!upper && (options.compare || options.upper)) /* what is only in the old tree was deleted */
		add_names(&names, old);
	sort_names(&names);
	for (size_t i = 0; i < names.count; i++) {
		if (!upper && options.dot_marks && starts_with(names.list[i], ".wh."))
			continue;
		if (length > 0)
			add_text(&path, "/");
		add_text(&path, names.list[i]);
		visit(new, old, names.list[i], above, upper);
		truncate_to(&path, length);
	}
	free_names(&names);
}

/* --- command line ------------------------------------------------------------------------------------------------- */

static int open_layer(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s", directory);
	return fd;
}

static void parse_options(int argc, char **argv)
{
	if (argc < 2 || (strcmp(argv[1], "pack") != 0 && strcmp(argv[1], "diff") != 0))
		refuse("usage: scull-tree pack|diff OPTIONS");
	options.pack = strcmp(argv[1], "pack") == 0;
	options.skips = checked(calloc((size_t)argc, sizeof *options.skips));
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i], *value = argv[i + 1];
		if (strcmp(word, "--upper") == 0)
			options.upper = true;
		else if (strcmp(word, "--compare") == 0)
			options.compare = true;
		else if (strcmp(word, "--dot-marks") == 0)
			options.dot_marks = true;
		else if (value == NULL)
			refuse("%s needs a value", word);
		else if (root_option(&root, word, argv + i)) {
			i += root_option_words(word);
		} else if (i++, strcmp(word, "--path") == 0)
			options.path = value;
		else if (strcmp(word, "--as") == 0)
			options.name = value;
		else if (strcmp(word, "--new") == 0 && options.new_count < MAX_LAYERS)
			options.new_layers[options.new_count++] = open_layer(value);
		else if (strcmp(word, "--old") == 0 && options.old_count < MAX_LAYERS)
			options.old_layers[options.old_count++] = open_layer(value);
		else if (strcmp(word, "--skip") == 0)
			options.skips[options.skip_count++] = value;
		else if (strcmp(word, "--copied") == 0) {
			struct stat made;
			if (stat(value, &made) == 0)
				options.copied = made.st_mtim;
		} else if (strcmp(word, "--clamp") == 0) {
			options.clamped = true;
			options.clamp = strtoll(value, NULL, 10);
		} else if (strcmp(word, "--report") == 0)
			options.report = checked(fdopen(atoi(value), "w"));
		else if (strcmp(word, "--contents") == 0)
			options.contents = checked(fdopen(atoi(value), "w"));
		else
			refuse("unknown option or too many layers: %s", word);
	}
	if (root.fd >= 0 ? options.path == NULL || options.name == NULL : options.new_count == 0 || (options.upper && options.new_count != 1))
		refuse("--new is missing, or there are too many of them");
	if (options.contents != NULL && (!options.pack || !options.upper))
		refuse("--contents is for pack --upper");
}

/* One file or directory, under a name of its own; "" for what is in a directory. */
static void pack_path(void)
{
	struct place place;
	find_place(&root, options.path, &place);
	if (!place.exists)
		not_found("%s", options.path);
	add_text(&path, options.name);
	if (!S_ISDIR(place.stat.st_mode)) {
		pack_entry(place.parent, place.name, &place.stat);
		return;
	}
	struct merged directory = {checked(malloc(sizeof(int))), 1}, nothing = {0};
	directory.fds[0] = open_place(&place, O_RDONLY | O_DIRECTORY);
	if (directory.fds[0] < 0)
		die("cannot open %s", options.path);
	if (path.length > 0)
		pack_directory(directory.fds[0], ".", &place.stat);
	walk(&directory, &nothing, NULL, false);
}

int main(int argc, char **argv)
{
	struct merged new = {options.new_layers, 0}, old = {options.old_layers, 0};
	struct rlimit files;
	parse_options(argc, argv);
	/* A descriptor for every layer of every directory on the way down. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	new.count = options.new_count;
	old.count = options.old_count;
	add_text(&path, "");
	if (options.contents != NULL) {
		struct stat stat;
		make_crc_table();
		if (fstat(new.fds[0], &stat) < 0)
			die("cannot look at the directory");
		note(&stat, 0, NULL);
	}
	if (root.fd >= 0)
		pack_path();
	else
		walk(&new, &old, NULL, options.upper);
	if (options.pack)
		put_zeros(2 * BLOCK);
	flush_out();
	if (options.contents != NULL && (ferror(options.contents) || fclose(options.contents) != 0))
		die("cannot write the list of contents");
	if (options.report != NULL) {
		fprintf(options.report, "counts %lld %lld %lld %lld %lld%c", counts.entries, counts.files, counts.directories, counts.bytes, counts.whiteouts, 0);
		if (fclose(options.report) != 0)
			die("cannot write the report");
	}
	return 0;
}
