// Command wine writes bcryptprimitives.dll to standard output.
//
// Programs built by Go 1.22 and later take their random numbers from that
// library's ProcessPrng, which Wine before 9.0 does not have. The file holds no
// code: its one export is forwarded to ADVAPI32.SystemFunction036, which is
// RtlGenRandom and takes the same arguments.
package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"os"
)

const (
	library = "bcryptprimitives.dll"
	export  = "ProcessPrng"
	forward = "ADVAPI32.SystemFunction036"
)

// Layout of the file: the headers, and one section with the export directory.
const (
	fileAlignment    = 0x200
	sectionAlignment = 0x1000
	headerSize       = fileAlignment
	sectionRVA       = sectionAlignment
	peOffset         = 0x40 // of the PE signature, just behind the DOS header
)

func main() {
	if _, err := os.Stdout.Write(image()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// image returns the file: see "PE Format" in Microsoft's documentation.
func image() []byte {
	exports := exportSection()
	var file bytes.Buffer
	dos := make([]byte, peOffset)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[0x3c:], peOffset)
	file.Write(dos)
	file.WriteString("PE\x00\x00")
	write(&file, pe.FileHeader{
		Machine:              pe.IMAGE_FILE_MACHINE_AMD64,
		NumberOfSections:     1,
		SizeOfOptionalHeader: uint16(binary.Size(pe.OptionalHeader64{})),
		Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE |
			pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL,
	})
	write(&file, optionalHeader(uint32(len(exports))))
	write(&file, pe.SectionHeader32{
		Name:             [8]uint8{'.', 'e', 'd', 'a', 't', 'a'},
		VirtualSize:      uint32(len(exports)),
		VirtualAddress:   sectionRVA,
		SizeOfRawData:    fileAlignment,
		PointerToRawData: headerSize,
		Characteristics:  pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ,
	})
	pad(&file, headerSize)
	file.Write(exports)
	pad(&file, headerSize+fileAlignment)
	return file.Bytes()
}

func optionalHeader(exportSize uint32) pe.OptionalHeader64 {
	const pe32Plus = 0x20b
	header := pe.OptionalHeader64{
		Magic:                       pe32Plus,
		SizeOfInitializedData:       fileAlignment,
		ImageBase:                   0x180000000,
		SectionAlignment:            sectionAlignment,
		FileAlignment:               fileAlignment,
		MajorOperatingSystemVersion: 6,
		MajorSubsystemVersion:       6,
		SizeOfImage:                 sectionRVA + sectionAlignment,
		SizeOfHeaders:               headerSize,
		Subsystem:                   pe.IMAGE_SUBSYSTEM_WINDOWS_CUI,
		DllCharacteristics:          pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
		NumberOfRvaAndSizes:         16,
	}
	header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{
		VirtualAddress: sectionRVA,
		Size:           exportSize,
	}
	return header
}

// exportDirectory is the head of the section. A function whose address lies
// inside the section is a forwarder: the address is that of its target's name.
type exportDirectory struct {
	Flags, Timestamp           uint32
	MajorVersion, MinorVersion uint16
	Name, OrdinalBase          uint32
	Functions, Names           uint32 // how many
	FunctionTable, NameTable   uint32 // where
	OrdinalTable               uint32
}

func exportSection() []byte {
	type tables struct {
		exportDirectory
		Function, ExportName uint32
		Ordinal, _           uint16
	}
	at := sectionRVA + uint32(binary.Size(exportDirectory{}))
	strings := sectionRVA + uint32(binary.Size(tables{}))
	t := tables{exportDirectory: exportDirectory{
		Name: strings, OrdinalBase: 1,
		Functions: 1, Names: 1,
		FunctionTable: at, NameTable: at + 4, OrdinalTable: at + 8,
	}}
	t.ExportName = t.Name + uint32(len(library)+1)
	t.Function = t.ExportName + uint32(len(export)+1)
	var section bytes.Buffer
	write(&section, t)
	section.WriteString(library + "\x00" + export + "\x00" + forward + "\x00")
	return section.Bytes()
}

// write panics for a type without a fixed size only.
func write(b *bytes.Buffer, data any) {
	if err := binary.Write(b, binary.LittleEndian, data); err != nil {
		panic(err)
	}
}

func pad(b *bytes.Buffer, size int) { b.Write(make([]byte, size-b.Len())) }
