// Package conformance is the test of what package ward promises, for all
// backends and ways to start a child. It sees no more of the package than a
// user does.
//
//	go test ./test/conformance              on this system
//	go test ./test/conformance -args -long  at full size
//
// TestVariants runs all the others again: for each choice that the variable
// WARDDEBUG in the environment can force; with children that are all private; and, on
// Linux, under seccomp filters that refuse what the package lives on. A variant
// is the test binary in a process of its own, and can be run alone:
//
//	WARDDEBUG=backend=fallback go test ./test/conformance
//	WARD_TEST_PRIVATE=on go test ./test/conformance
//	WARD_TEST_REFUSE=clone3=EPERM,close_range=ENOSYS go test ./test/conformance
//
// The binary that go test -c builds needs no other file, no shell and no
// parent: it may be PID 1.
//
// # What shows what
//
// The promises of package ward, and the tests of each. Those of other folders are
// in test/hostile, which has the counts, and in the root, where a test needs a name
// that is not exported.
//
// 1. Wait gives the child's own status to any number of callers, any number of
// times, and honours a context:
//
//	TestWaitReturnsExitCode
//	TestWaitGivesEveryCallerTheSameResult
//	TestEveryStatusIsRight
//	TestEarlyExitsAreHeard
//	TestExitIsHeardWhileAGrandchildKeepsThePipe
//	TestStopOfATracedChildIsNoExit
//	TestCloseLeavesWaitInProgressAlone
//	TestNextEndsWithItsContext
//	TestEveryExitCodeIsAnOrdinaryOne
//	test/hostile TestStartsSurviveTheGoRuntime
//
// 2. Kill and Signal reach that process or nobody; after the exit they return
// os.ErrProcessDone and ESRCH, without a system call:
//
//	TestKillEndsTheChild
//	TestKillAfterTheExitMakesNoSystemCall
//	TestHandleIsThePidfdUntilWithHandleReturns
//	TestHandleIsAProcessDescriptor
//	TestHandleIsThatOfTheProcess
//	TestKillTreeLeavesOthersAlone
//	test/hostile TestNoSignalReachesAStranger
//	ward TestNumberIsNotSignalledOnceWait4HasTakenTheChild
//	ward TestSignalOfANumberThatNobodyHasIsProcessDone
//
// 3. A foreign wait4(-1) cannot make us lose a status where the kernel allows
// that, and else Wait returns ErrStatusLost, never a status that is made up:
//
//	TestThievesTakeNoStatusUnnoticed
//	TestIgnoredSIGCHLDIsAThief
//	TestStatusThatWaitByGroupTookIsReadBack
//	TestLoopOverWait4
//	TestWait4LeavesChildrenToTheirHandles
//	TestReaperOfSubreaperTakesOrphansOnly
//	TestReaperOfPID1TakesOrphansOnly
//	TestReaperTakesOrphansThatOsFindProcessHasFound
//	test/hostile TestThieves
//	test/hostile TestIgnoredSIGCHLD
//	test/hostile TestHandlesWhoseParentsAreKilled
//	ward TestWait4LeavesChildToAStartUnderWay
//	internal/pidfd TestStatusIsReadInTheMiddleOfAReap
//
// 4. Private children are invisible to the waits of others and raise no SIGCHLD,
// or Start fails with errors.ErrUnsupported:
//
//	TestPrivateIsGivenOrRefusedByName
//	TestPrivateChildrenRaiseNoSIGCHLD
//	TestPrivateChildIsNotSeenByWait
//	TestPrivateIsRefusedWhereTheChildWouldNotBe
//	TestPrivateIsEveryChild
//	TestPrivateNeedsAStatus
//	TestNoWaitOfAnInitSeesAParent
//	TestStartOfAFunctionNeedsPrivate
//	test/hostile TestThieves
//	test/hostile TestParentsKilledInMidFlight
//	test/hostile TestStoppedParentHoldsUpItsOwnChildOnly
//	ward TestNoWaitTakesAPrivateChild
//	ward TestPrivateIsRefusedWhereItCannotBe
//
// 5. However many children wait, they need a constant number of threads, and in a
// Set no goroutine:
//
//	TestWaitingChildrenNeedNoThreads
//	TestMembersOfASetNeedNoGoroutine
//
// 6. A handle that is dropped leaks nothing, and with no live child there is
// neither goroutine nor descriptor. TestMain looks for both, and for zombies, at the
// end of each run:
//
//	TestDroppedHandleIsReaped
//	TestClosedHandleRefusesAndItsChildIsReaped
//	TestIdlePackageHoldsNoGoroutine
//	TestStartWithoutDescriptorsFailsAndLeavesNothing
//	TestStartsLeaveNoHandle
//	TestTreeHoldsNoMoreThanThePidfdAndLetsGoOfIt
//	TestTreeIsLetGoOf
//	TestWhoIsLetGoOfIsReaped
//	test/hostile TestNothingIsLeftOfAKilledProgram
//	test/hostile TestDescriptorsEndInTheMiddleOfStarts
//	test/hostile TestProcessesEndInTheMiddleOfStarts
//	TestExecLeavesNoParentOfPrivateChildren
//	TestParentsEndWhileTheLifelineIsHeldElsewhere
//	ward TestParentGoesWithItsChild
//	internal/spawn TestChildWhoseParentEndsEarlyIsKilled
//
// Also when other code closes the package's descriptors, it says so or goes on, and
// touches nobody else's:
//
//	TestHandleWhosePidfdIsClosedEndsAndHarmsNobody
//	TestHandleWhosePidfdIsLostForGoodSaysSo
//	TestExitsAreHeardWhenEpollIsClosed
//	TestExitIsHeardWhenThePipeIsClosed
//
// 7. It holds where programs run, in containers and under filters: Capabilities
// and errors say what is missing:
//
//	TestVariants
//	TestCapabilitiesAreThoseOfTheSystem
//	TestFeaturesThatAFilterRefusesAreNamed
//	TestRefusedCallsLeaveAWayToStart
//	TestCallsThatKillAreFoundOutFirst
//	TestWait4WhereAFilterRefusesPidfdOpen
//	TestStartGivesWhatIsAskedForOrNamesIt
//	TestPrivateNamesTheFieldsThatItGoesWithout
//	TestStartsBeyondTheLimitOfProcessesFail
//	TestStartSaysWhatIsWrong
//	TestStartBlamesTheDirectory
//	TestMisspeltSettingIsAnErrorOfStart
//
// 8. What a child or its parent shares with the program gives nobody more than
// package os/exec would:
//
//	TestEachFileHasItsIndexAsNumber
//	TestDescriptorsArePassedOnAtTheirNumbers
//	TestDescriptorsThatWereOpenedAreInherited
//	TestNoChildInheritsADescriptorThatIsHalfOpen
//	TestForkLockIsFreeDuringASlowExec
//	TestInheritingStartDoesNotWaitForAnotherOnesExec
//	TestNilFileGivesNoHandle
//	TestDescriptorOfTheProgramIsNotTheChilds
//	TestStartWithCredentialLeavesTheProgramDumpable
//	TestStartInAForbiddenDirectoryFails
//	TestChildDiesWhenTheProgramExecutesAnotherOne
//	TestParentDiesWithTheProgram
//	TestEndOfTheProgramLetsGoOfAllAtOnce
//	TestParentHoldsNothingOfTheProgram
//	TestParentHasNoMemoryOfItsOwn
//	TestParentSealsItself
//	TestDeathSignalReachesAPrivateChildOfAnotherUser
//	TestExecKeepsRecordLocksAndClosesPortsBesidePrivateChildren
//	TestSetUserIDProgramExecutedBesidePrivateChildrenGetsItsUser
//	TestChildHasWhatALockedThreadHas
//	TestSetUserIDProgramTrustsNoEnvironment
//	TestProgramWithFileCapabilitiesTrustsNoEnvironment
//	TestFunctionIsRefusedWhereItsChildWouldBeSetUserID
//	TestFunctionIsRefusedWithOtherEffectiveIDs
//	ward TestSpawnProgramDoesWhatTheStandardLibraryDoes
//	ward TestNoStrayDescriptorReachesTheChild
//	ward TestChildGetsTheLimitFromBeforeTheRuntimeRaisedIt
//	ward TestChildOfAPluginGetsTheOriginalLimit
//	ward TestChildTakesNamespacesFromTheCallersThread
//	ward TestPrivateChildHasWhatTheProgramHasByNow
//	ward TestCgroupThatTheProgramHasLeftCanBeRemoved
package conformance
