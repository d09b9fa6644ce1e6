package tinyprog

import (
	"bytes"
	"debug/elf"
	"testing"
)

func TestProgramsAreWhole(t *testing.T) {
	for arch, code := range codes {
		for name, text := range map[string][]byte{"exit": code.exit, "hold": code.hold, "pause": code.pause, "nap": code.nap} {
			t.Run(arch+"/"+name, func(t *testing.T) { check(t, code, text) })
		}
	}
}

func check(t *testing.T, code code, text []byte) {
	program := code.image(text)
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC || f.Machine != elf.Machine(code.machine) {
		t.Errorf("type %v, machine %v; want ET_EXEC, %v", f.Type, f.Machine, elf.Machine(code.machine))
	}
	if len(f.Progs) != 1 {
		t.Fatalf("%d segments, want 1", len(f.Progs))
	}
	segment := f.Progs[0]
	if segment.Filesz != uint64(len(program)) || segment.Flags != elf.PF_R|elf.PF_X {
		t.Errorf("segment of %d bytes, %v; want the whole file, %d bytes, r-x", segment.Filesz, segment.Flags, len(program))
	}
	if entry := f.Entry - segment.Vaddr; int(entry) != len(program)-len(text) {
		t.Errorf("entry is at offset %d, the code at %d", entry, len(program)-len(text))
	}
	if len(program) > 256 {
		t.Errorf("file has %d bytes, want a few", len(program))
	}
}

func TestOtherMachinesHaveNone(t *testing.T) {
	for _, program := range [][]byte{Exit("mips"), Hold("mips"), Pause("mips"), Nap("mips")} {
		if program != nil {
			t.Errorf("a program of %d bytes", len(program))
		}
	}
}
