package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"testing"
)

func TestImageForwardsItsOneExport(t *testing.T) {
	f, err := pe.NewFile(bytes.NewReader(image()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		t.Errorf("machine %#x, characteristics %#x; want a DLL for amd64", f.Machine, f.Characteristics)
	}
	header, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok || len(f.Sections) != 1 {
		t.Fatalf("optional header %T, %d sections", f.OptionalHeader, len(f.Sections))
	}
	section := f.Sections[0]
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	at := func(rva uint32) []byte { return data[rva-section.VirtualAddress:] }
	number := func(rva uint32) uint32 { return binary.LittleEndian.Uint32(at(rva)) }
	text := func(rva uint32) string { s, _, _ := bytes.Cut(at(rva), []byte{0}); return string(s) }

	// The export directory: see "PE Format", .edata.
	exports := header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	if got := text(number(exports.VirtualAddress + 12)); got != library {
		t.Errorf("library %q, want %q", got, library)
	}
	if got := text(number(number(exports.VirtualAddress + 32))); got != export {
		t.Errorf("export %q, want %q", got, export)
	}
	target := number(number(exports.VirtualAddress + 28))
	if got := text(target); got != forward {
		t.Errorf("forwarded to %q, want %q", got, forward)
	}
	// An address inside the directory is what makes it a forward.
	if target < exports.VirtualAddress || target >= exports.VirtualAddress+exports.Size {
		t.Errorf("the target at %#x is outside the directory", target)
	}
}
