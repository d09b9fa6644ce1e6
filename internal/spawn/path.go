package spawn

import (
	"strconv"
	"strings"
)

// FileOf returns the number of the descriptor that a path goes through, as that of
// /proc/self/fd/5, /dev/fd/5/bin and /dev/stdin does. A path by the program's own
// number, /proc/123/fd/5, means the program's table to a child, too: that one is of no
// interest. Symbolic links of others are not looked at. rest is what follows the number.
func FileOf(path string) (fd int, rest string, ok bool) {
	if !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/dev/") {
		return 0, "", false
	}
	for _, start := range []string{
		"/proc/self/fd/", "/proc/thread-self/fd/", "/proc/self/task/*/fd/", "/dev/fd/",
	} {
		if rest, ok := cutElements(path, start); ok {
			return number(rest)
		}
	}
	for fd, name := range []string{"/dev/stdin", "/dev/stdout", "/dev/stderr"} {
		if path == name {
			return fd, "", true
		}
	}
	return 0, "", false
}

// cutElements cuts a start off a path, of which a * stands for any element. A path may
// have more slashes, and dots between them.
func cutElements(path, start string) (rest string, ok bool) {
	for want := range strings.SplitSeq(strings.Trim(start, "/"), "/") {
		var got string
		if got, path = nextElement(path); got == "" || want != "*" && got != want {
			return "", false
		}
	}
	return path, true
}

func nextElement(path string) (element, rest string) {
	for path != "" {
		path = strings.TrimLeft(path, "/")
		element, rest = path, ""
		if slash := strings.IndexByte(path, '/'); slash >= 0 {
			element, rest = path[:slash], path[slash:]
		}
		if element != "." {
			return element, rest
		}
		path = rest
	}
	return "", ""
}

// number reads the number that a path begins with.
func number(path string) (fd int, rest string, ok bool) {
	element, rest := nextElement(path)
	n, err := strconv.ParseUint(element, 10, 31)
	return int(n), rest, err == nil
}
