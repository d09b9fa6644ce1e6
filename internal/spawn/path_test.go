package spawn

import "testing"

func TestFileOf(t *testing.T) {
	for path, want := range map[string]struct {
		fd   int
		rest string
		ok   bool
	}{
		"/proc/self/fd/5":              {5, "", true},
		"/proc/self/fd/5/bin/x":        {5, "/bin/x", true},
		"/proc/thread-self/fd/70":      {70, "", true},
		"/proc/self/task/12/fd/7/":     {7, "/", true},
		"/proc//self/./fd///0":         {0, "", true},
		"/dev/fd/3":                    {3, "", true},
		"/dev/stdin":                   {0, "", true},
		"/dev/stderr":                  {2, "", true},
		"/dev/null":                    {},
		"/dev/fd":                      {},
		"/dev/fd/":                     {},
		"/dev/fd/x":                    {},
		"/dev/fd/-1":                   {},
		"/proc/self/fd/2147483648":     {},
		"/proc/self/exe":               {},
		"/proc/12/fd/5":                {},
		"/bin/proc/self/fd/5":          {},
		"/tmp/../proc/self/fd/5":       {},
		"":                             {},
		"/proc/self/fdinfo/5":          {},
		"/proc/self/cwd/fd/5":          {},
		"/proc/self/fd/../fd/5":        {},
		"/dev/fd/99999999999999999999": {},
	} {
		fd, rest, ok := FileOf(path)
		if ok != want.ok || ok && (fd != want.fd || rest != want.rest) {
			t.Errorf("FileOf(%q) = %d, %q, %t; want %v", path, fd, rest, ok, want)
		}
	}
}
