// Package conformance runs the conformance suites of the Gateway API and of its Inference Extension as they are published.
package conformance

import (
	"flag"
	"testing"

	inference "sigs.k8s.io/gateway-api-inference-extension/conformance"
	inferencetests "sigs.k8s.io/gateway-api-inference-extension/conformance/tests"
	gateway "sigs.k8s.io/gateway-api/conformance"
	gatewaytests "sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
)

// A suite ends when its base objects do not become ready. With this flag its set-up is a test of its own,
// and the others run all the same, so that a router that does not serve all of them can be looked at test by test.
var despiteSetup = flag.Bool("despite-setup", false, "run the tests also where the set-up fails")

func TestGatewayAPI(t *testing.T) {
	options := gateway.DefaultOptions(t)
	if !*despiteSetup {
		gateway.RunConformanceWithOptions(t, options)
		return
	}
	run(t, options, gatewaytests.ConformanceTests, func(t *testing.T, one *suite.ConformanceTestSuite) {
		one.Setup(t, gatewaytests.ConformanceTests)
	})
}

func TestInferenceExtension(t *testing.T) {
	options := inference.DefaultOptions(t)
	if !*despiteSetup {
		inference.RunConformanceWithOptions(t, options)
		return
	}
	suite.RegisterConformanceProfile(inference.GatewayLayerProfile)
	run(t, options, inferencetests.ConformanceTests, func(t *testing.T, one *suite.ConformanceTestSuite) {
		inference.SetupConformanceTestSuite(t.Context(), t, one, options, inferencetests.ConformanceTests)
	})
}

// The base objects stay: what their set-up would delete is what the tests that come after it need.
func run(
	t *testing.T,
	options suite.ConformanceOptions,
	tests []suite.ConformanceTest,
	setup func(*testing.T, *suite.ConformanceTestSuite),
) {
	options.CleanupBaseResources = false
	one, err := suite.NewConformanceTestSuite(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("Setup", func(t *testing.T) { setup(t, one) })
	if err := one.Run(t, tests); err != nil {
		t.Fatal(err)
	}
}
