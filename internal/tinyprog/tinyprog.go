// Package tinyprog makes the smallest programs that Linux runs: an ELF header,
// one program header and a few instructions, about 150 bytes in one page.
// Thousands of them fit where a Go program each would not, and measured with
// them a start is a start and not a child's own start-up.
package tinyprog

import (
	"bytes"
	"encoding/binary"
)

// code is what the programs run, one instruction to a line. The kernel enters
// with argc at the stack pointer, argv[0] eight bytes above it and argv[1]
// sixteen; the stack is the buffer.
type code struct {
	machine uint16 // e_machine
	exit    []byte
	hold    []byte
	pause   []byte
	nap     []byte
}

var codes = map[string]code{
	"amd64": {
		machine: 62,
		exit: bytes.Join([][]byte{
			{0x31, 0xff},                   // xor edi, edi
			{0x48, 0x8b, 0x74, 0x24, 0x10}, // mov rsi, [rsp+16]     argv[1]
			{0x48, 0x85, 0xf6},             // test rsi, rsi
			{0x74, 0x03},                   // je +3                 without one, 0
			{0x0f, 0xb6, 0x3e},             // movzx edi, byte [rsi] its first byte
			{0xb8, 231, 0, 0, 0},           // mov eax, exit_group
			{0x0f, 0x05},                   // syscall
		}, nil),
		hold: bytes.Join([][]byte{
			{0x31, 0xc0},         // xor eax, eax            read
			{0x31, 0xff},         // xor edi, edi            from stdin
			{0x48, 0x89, 0xe6},   // mov rsi, rsp
			{0xba, 1, 0, 0, 0},   // mov edx, 1
			{0x0f, 0x05},         // syscall
			{0x48, 0x85, 0xc0},   // test rax, rax
			{0x7f, 0xed},         // jg -19                  again after a byte
			{0x31, 0xff},         // xor edi, edi
			{0xb8, 231, 0, 0, 0}, // mov eax, exit_group
			{0x0f, 0x05},         // syscall
		}, nil),
		pause: bytes.Join([][]byte{
			{0xb8, 34, 0, 0, 0}, // mov eax, pause
			{0x0f, 0x05},        // syscall
			{0xeb, 0xf7},        // jmp -9
		}, nil),
		nap: bytes.Join([][]byte{
			{0x68, 0x40, 0x42, 0x0f, 0}, // push 1000000         1 ms in ns
			{0x6a, 0},                   // push 0               and no seconds
			{0x48, 0x89, 0xe7},          // mov rdi, rsp
			{0x31, 0xf6},                // xor esi, esi
			{0xb8, 35, 0, 0, 0},         // mov eax, nanosleep
			{0x0f, 0x05},                // syscall
			{0xb8, 228, 0, 0, 0},        // mov eax, clock_gettime
			{0xbf, 1, 0, 0, 0},          // mov edi, CLOCK_MONOTONIC
			{0x48, 0x89, 0xe6},          // mov rsi, rsp
			{0x0f, 0x05},                // syscall
			{0xb8, 1, 0, 0, 0},          // mov eax, write
			{0xbf, 1, 0, 0, 0},          // mov edi, stdout
			{0x48, 0x89, 0xe6},          // mov rsi, rsp
			{0xba, 16, 0, 0, 0},         // mov edx, 16
			{0x0f, 0x05},                // syscall
			{0x31, 0xff},                // xor edi, edi
			{0xb8, 231, 0, 0, 0},        // mov eax, exit_group
			{0x0f, 0x05},                // syscall
		}, nil),
	},
	"arm64": {
		machine: 183,
		exit: words(
			0xd2800000, // mov x0, #0
			0xf9400be1, // ldr x1, [sp, #16]    argv[1]
			0xb4000041, // cbz x1, +2           without one, 0
			0x39400020, // ldrb w0, [x1]        its first byte
			0xd2800bc8, // mov x8, #94          exit_group
			0xd4000001, // svc #0
		),
		hold: words(
			0xd2800000, // mov x0, #0           from stdin
			0x910003e1, // mov x1, sp
			0xd2800022, // mov x2, #1
			0xd28007e8, // mov x8, #63          read
			0xd4000001, // svc #0
			0xf100001f, // cmp x0, #0
			0x54ffff4c, // b.gt -6              again after a byte
			0xd2800000, // mov x0, #0
			0xd2800bc8, // mov x8, #94          exit_group
			0xd4000001, // svc #0
		),
		pause: words(
			0xd2800000, // mov x0, #0           no descriptors
			0xd2800001, // mov x1, #0
			0xd2800002, // mov x2, #0           no time limit
			0xd2800003, // mov x3, #0           the present mask
			0xd2800928, // mov x8, #73          ppoll
			0xd4000001, // svc #0
			0x17fffffa, // b -6
		),
		nap: words(
			0xd2884801, // mov x1, #0x4240      1000000 ns, 1 ms
			0xf2a001e1, // movk x1, #0xf, lsl 16
			0xa9bf07ff, // stp xzr, x1, [sp, #-16]!
			0x910003e0, // mov x0, sp
			0xd2800001, // mov x1, #0
			0xd2800ca8, // mov x8, #101         nanosleep
			0xd4000001, // svc #0
			0xd2800020, // mov x0, #1           CLOCK_MONOTONIC
			0x910003e1, // mov x1, sp
			0xd2800e28, // mov x8, #113         clock_gettime
			0xd4000001, // svc #0
			0xd2800020, // mov x0, #1           stdout
			0x910003e1, // mov x1, sp
			0xd2800202, // mov x2, #16
			0xd2800808, // mov x8, #64          write
			0xd4000001, // svc #0
			0xd2800000, // mov x0, #0
			0xd2800bc8, // mov x8, #94          exit_group
			0xd4000001, // svc #0
		),
	},
}

// Exit returns a program for GOARCH arch that exits with the first byte of its
// first argument, or with 0. It returns nil where there is none.
func Exit(arch string) []byte { return image(codes[arch].machine, codes[arch].exit) }

// Hold returns a program for GOARCH arch that reads standard input to its end
// and exits with 0. It returns nil where there is none.
func Hold(arch string) []byte { return image(codes[arch].machine, codes[arch].hold) }

// Pause returns a program for GOARCH arch that waits for a signal to end it. It
// returns nil where there is none.
func Pause(arch string) []byte { return image(codes[arch].machine, codes[arch].pause) }

// Nap returns a program for GOARCH arch that sleeps 1 ms, writes CLOCK_MONOTONIC
// to standard output, a struct timespec of 16 bytes, and exits with 0. It
// returns nil where there is none.
func Nap(arch string) []byte { return image(codes[arch].machine, codes[arch].nap) }

// words lays out the instructions of a machine that has 32 bits in each.
func words(code ...uint32) []byte {
	var b []byte
	for _, w := range code {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// fileHeader and segmentHeader are Elf64_Ehdr and Elf64_Phdr of elf(5). Package
// debug/elf has them, and much else that a library should not pull in.
type fileHeader struct {
	ident             [16]byte
	fileType, machine uint16
	version           uint32
	entry, phoff, _   uint64 // shoff
	_                 uint32 // flags
	ehsize            uint16
	phentsize, phnum  uint16
	_, _, _           uint16 // shentsize, shnum, shstrndx
}

type segmentHeader struct {
	segmentType, flags uint32
	_                  uint64 // offset
	vaddr, paddr       uint64
	filesz, memsz      uint64
	align              uint64
}

// image returns a static executable that runs code. One segment maps the whole
// file, headers included, readable and executable.
func image(machine uint16, code []byte) []byte {
	const (
		base       = 0x400000
		alignment  = 0x10000 // arm64 kernels have pages of up to 64 KiB
		executable = 2       // ET_EXEC
		load       = 1       // PT_LOAD
		readable   = 4 | 1   // PF_R | PF_X
	)
	if code == nil {
		return nil
	}
	ehsize, phentsize := binary.Size(fileHeader{}), binary.Size(segmentHeader{})
	size := uint64(ehsize + phentsize + len(code))
	var file bytes.Buffer
	for _, part := range []any{
		fileHeader{
			ident:     [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, // 64 bits, little-endian, version 1
			fileType:  executable,
			machine:   machine,
			version:   1,
			entry:     base + uint64(ehsize+phentsize),
			phoff:     uint64(ehsize),
			ehsize:    uint16(ehsize),
			phentsize: uint16(phentsize),
			phnum:     1,
		},
		segmentHeader{
			segmentType: load, flags: readable,
			vaddr: base, paddr: base, filesz: size, memsz: size, align: alignment,
		},
		code,
	} {
		binary.Write(&file, binary.LittleEndian, part) // a Buffer takes all
	}
	return file.Bytes()
}
