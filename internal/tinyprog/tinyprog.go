// Package tinyprog makes the smallest programs that Linux runs: an ELF header,
// one program header and a few instructions, about 150 bytes in one page.
// Thousands of them fit where a Go program each would not, and measured with
// them a start is a start and not a child's own start-up.
package tinyprog

import (
	"bytes"
	"encoding/binary"
)

// Exit returns a program for GOARCH arch that exits with the first byte of its
// first argument, or with 0. It returns nil where there is none.
func Exit(arch string) []byte { return codes[arch].image(codes[arch].exit) }

// Hold returns a program for GOARCH arch that reads standard input to its end
// and exits with 0. It returns nil where there is none.
func Hold(arch string) []byte { return codes[arch].image(codes[arch].hold) }

// Pause returns a program for GOARCH arch that waits for a signal to end it. It
// returns nil where there is none.
func Pause(arch string) []byte { return codes[arch].image(codes[arch].pause) }

// Nap returns a program for GOARCH arch that sleeps 1 ms, writes CLOCK_MONOTONIC
// to standard output, a struct timespec with fields of 64 bits, and exits with 0. It
// returns nil where there is none.
func Nap(arch string) []byte { return codes[arch].image(codes[arch].nap) }

// header is Elf64_Ehdr or Elf32_Ehdr of elf(5), and segment Elf64_Phdr or Elf32_Phdr.
// Package debug/elf has them, and much else that a library should not pull in.
type header[address uint32 | uint64] struct {
	ident             [16]byte
	fileType, machine uint16
	version           uint32
	entry, phoff, _   address // shoff
	flags             uint32
	ehsize            uint16
	phentsize, phnum  uint16
	_, _, _           uint16 // shentsize, shnum, shstrndx
}

type segment64 struct {
	segmentType, flags   uint32
	_, vaddr, paddr      uint64 // offset
	filesz, memsz, align uint64
}

type segment32 struct {
	segmentType                 uint32
	_, vaddr, paddr             uint32 // offset
	filesz, memsz, flags, align uint32
}

const (
	base       = 0x400000
	alignment  = 0x10000 // arm64 and ppc64le kernels have pages of up to 64 KiB
	executable = 2       // ET_EXEC
	load       = 1       // PT_LOAD
	readable   = 4 | 1   // PF_R | PF_X
)

// image returns a static executable that runs text. One segment maps the whole
// file, headers included, readable and executable.
func (c code) image(text []byte) []byte {
	switch {
	case text == nil:
		return nil
	case c.bits == 32:
		h, size := headerOf[uint32](c, binary.Size(segment32{}), len(text))
		return c.file(h, segment32{
			segmentType: load, flags: readable,
			vaddr: base, paddr: base, filesz: size, memsz: size, align: alignment,
		}, text)
	}
	h, size := headerOf[uint64](c, binary.Size(segment64{}), len(text))
	return c.file(h, segment64{
		segmentType: load, flags: readable,
		vaddr: base, paddr: base, filesz: size, memsz: size, align: alignment,
	}, text)
}

// headerOf returns the header of a file with one segment, and the file's size.
func headerOf[address uint32 | uint64](c code, segment, text int) (h header[address], size address) {
	start := binary.Size(h) + segment
	class, data := byte(2), byte(1) // 64 bits, the little end first
	if c.bits == 32 {
		class = 1
	}
	if c.order == binary.BigEndian {
		data = 2
	}
	const version = 1
	return header[address]{
		ident:     [16]byte{0x7f, 'E', 'L', 'F', class, data, version},
		fileType:  executable,
		machine:   c.machine,
		version:   version,
		entry:     base + address(start),
		phoff:     address(binary.Size(h)),
		flags:     c.flags,
		ehsize:    uint16(binary.Size(h)),
		phentsize: uint16(segment),
		phnum:     1,
	}, address(start + text)
}

// file lays out the parts of a file.
func (c code) file(parts ...any) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if c.order != nil {
		order = c.order
	}
	var file bytes.Buffer
	for _, part := range parts {
		binary.Write(&file, order, part) // a Buffer takes all
	}
	return file.Bytes()
}
