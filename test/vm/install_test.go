package main

import "testing"

func TestOSRelease(t *testing.T) {
	text := []byte("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\nVERSION_CODENAME=\"bookworm\"\n")
	for key, want := range map[string]string{"ID": "debian", "VERSION_CODENAME": "bookworm", "NAME": ""} {
		if got := osRelease(text, key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}
