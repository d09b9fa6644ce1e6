package tinyprog

import (
	"bytes"
	"encoding/binary"
)

// code is what the programs run, one instruction to a line. The kernel enters with
// argc at the stack pointer, and a word above it argv[0], and two words argv[1]; the
// stack is the buffer. Jumps are counted in bytes, from the next instruction on amd64
// and 386, or in instructions where these are words.
type code struct {
	machine uint16           // e_machine
	bits    int              // of an address; 0 stands for 64
	order   binary.ByteOrder // nil stands for the little end first
	flags   uint32           // e_flags
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
	"386": {
		machine: 3, bits: 32,
		exit: bytes.Join([][]byte{
			{0x31, 0xdb},                   // xor ebx, ebx
			{0x8b, 0x4c, 0x24, 0x08},       // mov ecx, [esp+8]     argv[1]
			{0x85, 0xc9},                   // test ecx, ecx
			{0x74, 0x03},                   // je +3                without one, 0
			{0x0f, 0xb6, 0x19},             // movzx ebx, byte ptr [ecx] its first byte
			{0xb8, 0xfc, 0x00, 0x00, 0x00}, // mov eax, 252         exit_group
			{0xcd, 0x80},                   // int 0x80
		}, nil),
		hold: bytes.Join([][]byte{
			{0xb8, 0x03, 0x00, 0x00, 0x00}, // mov eax, 3           read
			{0x31, 0xdb},                   // xor ebx, ebx
			{0x89, 0xe1},                   // mov ecx, esp
			{0xba, 0x01, 0x00, 0x00, 0x00}, // mov edx, 1
			{0xcd, 0x80},                   // int 0x80
			{0x85, 0xc0},                   // test eax, eax
			{0x7f, 0xec},                   // jg -20               again after a byte
			{0x31, 0xdb},                   // xor ebx, ebx
			{0xb8, 0xfc, 0x00, 0x00, 0x00}, // mov eax, 252         exit_group
			{0xcd, 0x80},                   // int 0x80
		}, nil),
		pause: bytes.Join([][]byte{
			{0xb8, 0x1d, 0x00, 0x00, 0x00}, // mov eax, 29          pause
			{0xcd, 0x80},                   // int 0x80
			{0xeb, 0xf7},                   // jmp -9
		}, nil),
		nap: bytes.Join([][]byte{
			{0x68, 0x40, 0x42, 0x0f, 0x00}, // push 1000000         1 ms in ns
			{0x6a, 0x00},                   // push 0
			{0x89, 0xe3},                   // mov ebx, esp
			{0x31, 0xc9},                   // xor ecx, ecx
			{0xb8, 0xa2, 0x00, 0x00, 0x00}, // mov eax, 162         nanosleep
			{0xcd, 0x80},                   // int 0x80
			{0x83, 0xec, 0x10},             // sub esp, 16
			{0xb8, 0x93, 0x01, 0x00, 0x00}, // mov eax, 403         clock_gettime64
			{0xbb, 0x01, 0x00, 0x00, 0x00}, // mov ebx, 1
			{0x89, 0xe1},                   // mov ecx, esp
			{0xcd, 0x80},                   // int 0x80
			{0xb8, 0x04, 0x00, 0x00, 0x00}, // mov eax, 4           write
			{0xbb, 0x01, 0x00, 0x00, 0x00}, // mov ebx, 1
			{0x89, 0xe1},                   // mov ecx, esp
			{0xba, 0x10, 0x00, 0x00, 0x00}, // mov edx, 16
			{0xcd, 0x80},                   // int 0x80
			{0x31, 0xdb},                   // xor ebx, ebx
			{0xb8, 0xfc, 0x00, 0x00, 0x00}, // mov eax, 252         exit_group
			{0xcd, 0x80},                   // int 0x80
		}, nil),
	},
	"arm": {
		machine: 40, bits: 32, flags: 0x5000000, // EF_ARM_EABI_VER5
		exit: words(
			0xe3a00000, // mov r0, #0
			0xe59d1008, // ldr r1, [sp, #8]           argv[1]
			0xe3510000, // cmp r1, #0
			0x15d10000, // ldrbne r0, [r1]            its first byte, without one 0
			0xe3a070f8, // mov r7, #248               exit_group
			0xef000000, // svc #0
		),
		hold: words(
			0xe3a00000, // mov r0, #0
			0xe1a0100d, // mov r1, sp
			0xe3a02001, // mov r2, #1
			0xe3a07003, // mov r7, #3                 read
			0xef000000, // svc #0
			0xe3500000, // cmp r0, #0
			0xcafffff8, // bgt -6                     again after a byte
			0xe3a00000, // mov r0, #0
			0xe3a070f8, // mov r7, #248               exit_group
			0xef000000, // svc #0
		),
		pause: words(
			0xe3a0701d, // mov r7, #29                pause
			0xef000000, // svc #0
			0xeafffffc, // b -2
		),
		nap: words(
			0xe3a00000, // mov r0, #0
			0xe3a0193d, // mov r1, #0xf4000
			0xe3811d09, // orr r1, r1, #0x240         1000000 ns, 1 ms
			0xe92d0003, // push {r0, r1}
			0xe1a0000d, // mov r0, sp
			0xe3a01000, // mov r1, #0
			0xe3a070a2, // mov r7, #162               nanosleep
			0xef000000, // svc #0
			0xe24dd010, // sub sp, sp, #16
			0xe3a00001, // mov r0, #1
			0xe1a0100d, // mov r1, sp
			0xe3a07e19, // mov r7, #400
			0xe2877003, // add r7, r7, #3             clock_gettime64
			0xef000000, // svc #0
			0xe3a00001, // mov r0, #1
			0xe1a0100d, // mov r1, sp
			0xe3a02010, // mov r2, #16
			0xe3a07004, // mov r7, #4                 write
			0xef000000, // svc #0
			0xe3a00000, // mov r0, #0
			0xe3a070f8, // mov r7, #248               exit_group
			0xef000000, // svc #0
		),
	},
	"riscv64": {
		machine: 243,
		exit: words(
			0x00000513, // li a0, 0
			0x01013583, // ld a1, 16(sp)              argv[1]
			0x00058463, // beqz a1, +2                without one, 0
			0x0005c503, // lbu a0, 0(a1)              its first byte
			0x05e00893, // li a7, 94                  exit_group
			0x00000073, // ecall
		),
		hold: words(
			0x00000513, // li a0, 0
			0x00010593, // mv a1, sp
			0x00100613, // li a2, 1
			0x03f00893, // li a7, 63                  read
			0x00000073, // ecall
			0xfea046e3, // bgtz a0, -5                again after a byte
			0x00000513, // li a0, 0
			0x05e00893, // li a7, 94                  exit_group
			0x00000073, // ecall
		),
		pause: words(
			0x00000513, // li a0, 0
			0x00000593, // li a1, 0
			0x00000613, // li a2, 0
			0x00000693, // li a3, 0
			0x04900893, // li a7, 73                  ppoll
			0x00000073, // ecall
			0xfe9ff06f, // j -6
		),
		nap: words(
			0xff010113, // addi sp, sp, -16
			0x00013023, // sd zero, 0(sp)
			0x000f45b7, // lui a1, 244
			0x24058593, // addi a1, a1, 576           1000000 ns, 1 ms
			0x00b13423, // sd a1, 8(sp)
			0x00010513, // mv a0, sp
			0x00000593, // li a1, 0
			0x06500893, // li a7, 101                 nanosleep
			0x00000073, // ecall
			0x00100513, // li a0, 1
			0x00010593, // mv a1, sp
			0x07100893, // li a7, 113                 clock_gettime
			0x00000073, // ecall
			0x00100513, // li a0, 1
			0x00010593, // mv a1, sp
			0x01000613, // li a2, 16
			0x04000893, // li a7, 64                  write
			0x00000073, // ecall
			0x00000513, // li a0, 0
			0x05e00893, // li a7, 94                  exit_group
			0x00000073, // ecall
		),
	},
	"s390x": {
		machine: 22, order: binary.BigEndian,
		exit: bytes.Join([][]byte{
			{0xa7, 0x29, 0x00, 0x00},             // lghi %r2, 0
			{0xe3, 0x30, 0xf0, 0x10, 0x00, 0x04}, // lg %r3, 16(%r15)     argv[1]
			{0xb9, 0x02, 0x00, 0x33},             // ltgr %r3, %r3
			{0xa7, 0x84, 0x00, 0x05},             // jz +10               without one, 0
			{0xe3, 0x20, 0x30, 0x00, 0x00, 0x90}, // llgc %r2, 0(%r3)     its first byte
			{0x0a, 0xf8},                         // svc 248              exit_group
		}, nil),
		hold: bytes.Join([][]byte{
			{0xa7, 0x29, 0x00, 0x00}, // lghi %r2, 0
			{0xb9, 0x04, 0x00, 0x3f}, // lgr %r3, %r15
			{0xa7, 0x49, 0x00, 0x01}, // lghi %r4, 1
			{0x0a, 0x03},             // svc 3                read
			{0xb9, 0x02, 0x00, 0x22}, // ltgr %r2, %r2
			{0xa7, 0x24, 0xff, 0xf7}, // jh -18               again after a byte
			{0xa7, 0x29, 0x00, 0x00}, // lghi %r2, 0
			{0x0a, 0xf8},             // svc 248              exit_group
		}, nil),
		pause: bytes.Join([][]byte{
			{0x0a, 0x1d},             // svc 29               pause
			{0xa7, 0xf4, 0xff, 0xff}, // j -2
		}, nil),
		nap: bytes.Join([][]byte{
			{0xa7, 0xfb, 0xff, 0xf0},             // aghi %r15, -16
			{0xa7, 0x29, 0x00, 0x00},             // lghi %r2, 0
			{0xe3, 0x20, 0xf0, 0x00, 0x00, 0x24}, // stg %r2, 0(%r15)
			{0xa5, 0x2e, 0x00, 0x0f},             // llilh %r2, 15
			{0xa5, 0x2b, 0x42, 0x40},             // oill %r2, 16960      1000000 ns, 1 ms
			{0xe3, 0x20, 0xf0, 0x08, 0x00, 0x24}, // stg %r2, 8(%r15)
			{0xb9, 0x04, 0x00, 0x2f},             // lgr %r2, %r15
			{0xa7, 0x39, 0x00, 0x00},             // lghi %r3, 0
			{0x0a, 0xa2},                         // svc 162              nanosleep
			{0xa7, 0x29, 0x00, 0x01},             // lghi %r2, 1
			{0xb9, 0x04, 0x00, 0x3f},             // lgr %r3, %r15
			{0xa7, 0x19, 0x01, 0x04},             // lghi %r1, 260        clock_gettime
			{0x0a, 0x00},                         // svc 0
			{0xa7, 0x29, 0x00, 0x01},             // lghi %r2, 1
			{0xb9, 0x04, 0x00, 0x3f},             // lgr %r3, %r15
			{0xa7, 0x49, 0x00, 0x10},             // lghi %r4, 16
			{0x0a, 0x04},                         // svc 4                write
			{0xa7, 0x29, 0x00, 0x00},             // lghi %r2, 0
			{0x0a, 0xf8},                         // svc 248              exit_group
		}, nil),
	},
	"ppc64le": {
		machine: 21, flags: 2, // ELFv2
		exit: words(
			0x38600000, // li r3, 0
			0xe8810010, // ld r4, 16(r1)              argv[1]
			0x2c240000, // cmpdi r4, 0
			0x41820008, // beq +2                     without one, 0
			0x88640000, // lbz r3, 0(r4)              its first byte
			0x380000ea, // li r0, 234                 exit_group
			0x44000002, // sc
		),
		hold: words(
			0x38600000, // li r3, 0
			0x7c240b78, // mr r4, r1
			0x38a00001, // li r5, 1
			0x38000003, // li r0, 3                   read
			0x44000002, // sc
			0x4183000c, // bso +3                     an error
			0x2c230000, // cmpdi r3, 0
			0x4181ffe4, // bgt -7                     again after a byte
			0x38600000, // li r3, 0
			0x380000ea, // li r0, 234                 exit_group
			0x44000002, // sc
		),
		pause: words(
			0x3800001d, // li r0, 29                  pause
			0x44000002, // sc
			0x4bfffff8, // b -2
		),
		nap: words(
			0x38600000, // li r3, 0
			0x3c80000f, // lis r4, 15
			0x60844240, // ori r4, r4, 16960          1000000 ns, 1 ms
			0xf861fff0, // std r3, -16(r1)
			0xf881fff8, // std r4, -8(r1)
			0x3861fff0, // addi r3, r1, -16
			0x38800000, // li r4, 0
			0x380000a2, // li r0, 162                 nanosleep
			0x44000002, // sc
			0x38600001, // li r3, 1
			0x3881fff0, // addi r4, r1, -16
			0x380000f6, // li r0, 246                 clock_gettime
			0x44000002, // sc
			0x38600001, // li r3, 1
			0x3881fff0, // addi r4, r1, -16
			0x38a00010, // li r5, 16
			0x38000004, // li r0, 4                   write
			0x44000002, // sc
			0x38600000, // li r3, 0
			0x380000ea, // li r0, 234                 exit_group
			0x44000002, // sc
		),
	},
}

// words lays out the instructions of a machine that has 32 bits in each.
func words(code ...uint32) []byte {
	var b []byte
	for _, w := range code {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}
