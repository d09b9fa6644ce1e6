package ward

import (
	"os"
	"unsafe"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/windows"
)

// job is a job object with one child and, for Attr.Tree, its descendants. See
// "Job Objects" in Microsoft's documentation.
type job struct {
	handle windows.Handle
	limits uint32
	killed bool
}

func newJob(attr *Attr) (*job, error) {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	j := &job{handle: handle}
	if err := j.limit(jobLimits(attr)); err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// jobLimits is 0 for an Attr that needs no more than a job. Without Attr.Tree
// the child's own children stay out of the job and live on, as on other
// systems.
func jobLimits(attr *Attr) (flags uint32) {
	if attr.KillOnParentExit {
		flags |= windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	}
	if !attr.Tree {
		flags |= windows.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK
	}
	return flags
}

func (j *job) limit(flags uint32) error {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = flags
	_, err := windows.SetInformationJobObject(j.handle, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		return os.NewSyscallError("SetInformationJobObject", err)
	}
	j.limits = flags
	return nil
}

func (j *job) add(child windows.Handle) error {
	return os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(j.handle, child))
}

// kill ends all members. No new one can come after it, for want of parents.
func (j *job) kill(*process) error {
	if j.members() == 0 {
		return processDone{}
	}
	err := windows.TerminateJobObject(j.handle, killedCode)
	j.killed = err == nil
	return os.NewSyscallError("TerminateJobObject", err)
}

func (j *job) gone(*process) bool { return j.killed || j.members() == 0 }

// members returns the number of live processes in the job, or -1.
func (j *job) members() int {
	// JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
	var info struct {
		times          [4]int64
		pageFaults     uint32
		totalProcesses uint32
		active         uint32
		terminated     uint32
	}
	err := windows.QueryInformationJobObject(j.handle, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err != nil {
		return -1
	}
	return int(info.active)
}

// close lets go of the members: they live on.
func (j *job) close() {
	if j.limits&windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE != 0 && !j.killed && j.members() != 0 {
		j.limit(0)
	}
	windows.CloseHandle(j.handle)
}

// jobsWork tells what a start in a job needs and the system refuses.
var jobsWork = probe.Probe{Try: func() error {
	j, err := newJob(&Attr{KillOnParentExit: true})
	if err != nil {
		return err
	}
	j.close()
	return ntResumeProcess.Find()
}}

var ntResumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")

// resume lets a process run that was created suspended. Its thread's handle is
// gone, and to find the thread again (Thread32First) takes a look at every
// thread of the system.
func resume(child windows.Handle) error {
	status, _, _ := ntResumeProcess.Call(uintptr(child))
	if int32(status) < 0 {
		return os.NewSyscallError("NtResumeProcess", windows.NTStatus(status))
	}
	return nil
}
