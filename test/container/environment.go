package main

import "context"

// An environment is a place for programs that is not a whole machine.
type environment struct {
	name    string
	about   string
	runtime runtime
	profile *profile // nil for no seccomp filter
	box     box
	backend string // the one that ward is to find there

	// only has, for each suite that is run at all, which of its tests are, as
	// -test.run takes it. Without it all are.
	only map[string]string
}

// fewProcesses are tests that have one child at a time.
var fewProcesses = map[string]string{
	"./exec": "^(TestErrorsAreThoseOfOSExec|TestCombinedOutputHasBoth|TestProcessIsTheChild)$",
	"./test/conformance": "^(TestCapabilitiesAreThoseOfTheSystem|TestFeaturesThatAFilterRefusesAreNamed|" +
		"TestEachFileHasItsIndexAsNumber|TestKillEndsTheChild|TestStartsBeyondTheLimitOfProcessesFail|" +
		"TestStartGivesWhatIsAskedForOrNamesIt|TestTryWaitTellsRunningFromExited|" +
		"TestWaitGivesEveryCallerTheSameResult|TestPrivateIsGivenOrRefusedByName)$",
}

// A box is what a container allows.
type box struct {
	user         int
	capabilities []string
	noNewPrivs   bool
	readOnlyRoot bool
	processes    int // at a time; 0 for no limit
	withoutProc  bool
	environ      []string // what the program gets besides environ
}

// A runtime runs programs in boxes.
type runtime interface {
	// prepare returns an error if the machine has not what it takes.
	prepare(ctx context.Context, m *matrix) error

	// arch is the GOARCH of the programs that it runs.
	arch() string

	// command is one run. Once it has ended nothing is left of it.
	command(ctx context.Context, b bundle) command
}

var environments = []environment{
	{
		name:    "docker",
		about:   "Docker's profile, as root",
		runtime: runc,
		profile: dockerProfile,
		box:     box{capabilities: dockerCapabilities},
		backend: "pidfd",
	},
	{
		name:    "docker-user",
		about:   "the same as user 1000, with no capabilities and no way to get them",
		runtime: runc,
		profile: dockerProfile,
		box:     box{user: 1000, noNewPrivs: true},
		backend: "pidfd",
	},
	{
		name:    "docker-20.10",
		about:   "an older profile, which refuses clone3 with EPERM",
		runtime: runc,
		profile: docker2010Profile,
		box:     box{capabilities: dockerCapabilities},
		backend: "pidfd",
	},
	{
		name:    "docker-19.03",
		about:   "a still older one, which refuses pidfds",
		runtime: runc,
		profile: docker1903Profile,
		box:     box{capabilities: dockerCapabilities},
		backend: "fallback",
	},
	{
		name:    "podman",
		about:   "podman's profile, with a root that is read-only",
		runtime: runc,
		profile: podmanProfile,
		box:     box{capabilities: podmanCapabilities, readOnlyRoot: true},
		backend: "pidfd",
	},
	{
		name:    "pids",
		about:   "Docker's, and at most 20 threads at a time",
		runtime: runc,
		profile: dockerProfile,
		box: box{
			capabilities: dockerCapabilities,
			processes:    20,
			environ:      []string{"GOMAXPROCS=1"}, // or one Go program has half of them
		},
		backend: "pidfd",
		only:    fewProcesses,
	},
	{
		name:    "userns",
		about:   "root of a user namespace that has no other user, as unshare -Ur makes it",
		runtime: &namespace{},
		backend: "pidfd",
	},
	{
		name:    "no-proc",
		about:   "the same without /proc, which runc cannot do without",
		runtime: &namespace{},
		box:     box{withoutProc: true},
		backend: "pidfd",
	},
	{
		name:    "gvisor",
		about:   "gVisor, as root",
		runtime: runsc,
		box:     box{capabilities: dockerCapabilities},
		backend: "pidfd",
	},
	{
		name:    "qemu-arm64",
		about:   "qemu-user for arm64, in such a user namespace",
		runtime: &namespace{emulated: "arm64"},
	},
}

// The capabilities that containers have by default.
var (
	dockerCapabilities = []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID",
		"CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
	podmanCapabilities = []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
		"CAP_SYS_CHROOT",
	}
)
