package main

import (
	"context"
	"fmt"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func discover(_ context.Context, all *clients) error {
	groups, resources, failed, err := all.discovery.(discovery.AggregatedDiscoveryInterface).GroupsAndMaybeResources()
	if err != nil || len(failed) > 0 {
		return fmt.Errorf("%v, %v", failed, err)
	}
	if resources == nil {
		return fmt.Errorf("discovery is not aggregated")
	}
	if len(groups.Groups) < 10 || len(resources[schema.GroupVersion{Version: "v1"}].APIResources) < 20 {
		return fmt.Errorf("%d groups", len(groups.Groups))
	}
	lists, err := all.discovery.ServerPreferredResources()
	if err != nil {
		return err
	}
	listable := discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "watch"}}, lists)
	if len(listable) < 10 {
		return fmt.Errorf("%d groups with lists", len(listable))
	}
	legacy := discovery.NewDiscoveryClientForConfigOrDie(all.config)
	legacy.UseLegacyDiscovery = true
	if _, err := legacy.ServerPreferredResources(); err != nil {
		return err
	}
	version, err := all.discovery.ServerVersion()
	if err != nil || version.Minor < "34" {
		return fmt.Errorf("version %v, %v", version, err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(all.discovery))
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	if err != nil || mapping.Resource.Resource != "deployments" {
		return fmt.Errorf("mapped to %v, %v", mapping, err)
	}
	return nil
}

func openAPI(_ context.Context, all *clients) error {
	document, err := all.discovery.OpenAPISchema()
	if err != nil || len(document.Definitions.AdditionalProperties) < 100 {
		return fmt.Errorf("v2: %v", err)
	}
	root := openapi3.NewRoot(all.discovery.OpenAPIV3())
	versions, err := root.GroupVersions()
	if err != nil {
		return err
	}
	for _, version := range versions {
		spec, err := root.GVSpec(version)
		if err != nil || len(spec.Components.Schemas) == 0 {
			return fmt.Errorf("v3 of %v: %v", version, err)
		}
	}
	return nil
}

func configMap(name string, data map[string]string) *core.ConfigMap {
	return &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: name}, Data: data}
}

func objects(ctx context.Context, all *clients) error {
	space := &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: namespace}}
	if _, err := all.typed.CoreV1().Namespaces().Create(ctx, space, meta.CreateOptions{}); err != nil {
		return err
	}
	maps := all.typed.CoreV1().ConfigMaps(namespace)
	made, err := maps.Create(ctx, configMap("one", map[string]string{"a": "b"}), meta.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := maps.Create(ctx, configMap("one", nil), meta.CreateOptions{}); !errors.IsAlreadyExists(err) {
		return fmt.Errorf("made twice: %v", err)
	}
	if _, err := maps.Create(ctx, configMap("Not_A_Name", nil), meta.CreateOptions{}); !errors.IsInvalid(err) {
		return fmt.Errorf("made with a bad name: %v", err)
	}
	made.Data["a"] = "c"
	if _, err := maps.Update(ctx, made, meta.UpdateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Update(ctx, made, meta.UpdateOptions{}); !errors.IsConflict(err) {
		return fmt.Errorf("updated with an old version: %v", err)
	}
	for kind, body := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op":"add","path":"/data/json","value":"x"}]`,
		types.MergePatchType:          `{"data":{"merge":"x"}}`,
		types.StrategicMergePatchType: `{"data":{"strategic":"x"}}`,
	} {
		if _, err := maps.Patch(ctx, "one", kind, []byte(body), meta.PatchOptions{}); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	found, err := maps.Get(ctx, "one", meta.GetOptions{})
	if err != nil || len(found.Data) != 4 {
		return fmt.Errorf("after patches: %v, %v", found, err)
	}
	wrong := types.UID("other")
	onlyThat := meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &wrong}}
	if err := maps.Delete(ctx, "one", onlyThat); !errors.IsConflict(err) {
		return fmt.Errorf("deleted in spite of its uid: %v", err)
	}
	if err := maps.Delete(ctx, "one", meta.DeleteOptions{}); err != nil {
		return err
	}
	if _, err := maps.Get(ctx, "one", meta.GetOptions{}); !errors.IsNotFound(err) {
		return fmt.Errorf("found after it was deleted: %v", err)
	}
	return nil
}

func retryOnConflict(ctx context.Context, all *clients) error {
	maps := all.typed.CoreV1().ConfigMaps(namespace)
	if _, err := maps.Create(ctx, configMap("count", map[string]string{"n": ""}), meta.CreateOptions{}); err != nil {
		return err
	}
	const writers = 5
	done := make(chan error, writers)
	patient := retry.DefaultBackoff
	patient.Steps = 20
	for range writers {
		go func() {
			done <- retry.RetryOnConflict(patient, func() error {
				found, err := maps.Get(ctx, "count", meta.GetOptions{})
				if err != nil {
					return err
				}
				found.Data["n"] += "x"
				_, err = maps.Update(ctx, found, meta.UpdateOptions{})
				return err
			})
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			return err
		}
	}
	found, err := maps.Get(ctx, "count", meta.GetOptions{})
	if err != nil || found.Data["n"] != "xxxxx" {
		return fmt.Errorf("counted %v, %v", found, err)
	}
	return nil
}

func pages(ctx context.Context, all *clients) error {
	secrets := all.typed.CoreV1().Secrets(namespace)
	for number := range 7 {
		secret := &core.Secret{ObjectMeta: meta.ObjectMeta{Name: fmt.Sprintf("s-%d", number)}}
		if _, err := secrets.Create(ctx, secret, meta.CreateOptions{}); err != nil {
			return err
		}
	}
	lists := 0
	reader := pager.New(func(ctx context.Context, options meta.ListOptions) (runtime.Object, error) {
		lists++
		return secrets.List(ctx, options)
	})
	reader.PageSize = 2
	seen := 0
	err := reader.EachListItem(ctx, meta.ListOptions{}, func(runtime.Object) error {
		seen++
		return nil
	})
	if err != nil || seen != 7 || lists != 4 {
		return fmt.Errorf("%d in %d pages, %v", seen, lists, err)
	}
	return secrets.DeleteCollection(ctx, meta.DeleteOptions{}, meta.ListOptions{})
}

func deployment(replicas int32) *appsapply.DeploymentApplyConfiguration {
	labels := map[string]string{"app": "web"}
	template := coreapply.PodTemplateSpec().WithLabels(labels).WithSpec(
		coreapply.PodSpec().WithContainers(coreapply.Container().WithName("main").WithImage("example.com/web:1")))
	return appsapply.Deployment("web", namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(replicas).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).WithTemplate(template))
}

func serverSideApply(ctx context.Context, all *clients) error {
	deployments := all.typed.AppsV1().Deployments(namespace)
	made, err := deployments.Apply(ctx, deployment(1), meta.ApplyOptions{FieldManager: "one"})
	if err != nil {
		return err
	}
	if _, err = deployments.Apply(ctx, deployment(2), meta.ApplyOptions{FieldManager: "other"}); !errors.IsConflict(err) {
		return fmt.Errorf("applied by another: %v", err)
	}
	if _, err = deployments.Apply(ctx, deployment(2), meta.ApplyOptions{FieldManager: "other", Force: true}); err != nil {
		return err
	}
	extracted, err := appsapply.ExtractDeployment(made, "one")
	if err != nil || *extracted.Spec.Replicas != 1 || *extracted.Spec.Template.Spec.Containers[0].Name != "main" {
		return fmt.Errorf("extracted %v, %v", extracted, err)
	}
	status := appsapply.Deployment("web", namespace).WithStatus(appsapply.DeploymentStatus().WithReplicas(2))
	shown, err := deployments.ApplyStatus(ctx, status, meta.ApplyOptions{FieldManager: "one"})
	if err != nil || shown.Status.Replicas != 2 {
		return fmt.Errorf("status %v, %v", shown, err)
	}
	return nil
}

func scaleClient(ctx context.Context, all *clients) error {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(all.discovery))
	kinds := scale.NewDiscoveryScaleKindResolver(all.discovery)
	getter, err := scale.NewForConfig(all.config, mapper, dynamicPath, kinds)
	if err != nil {
		return err
	}
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	found, err := getter.Scales(namespace).Get(ctx, resource, "web", meta.GetOptions{})
	if err != nil || found.Spec.Replicas != 2 || found.Status.Selector != "app=web" {
		return fmt.Errorf("%v, %v", found, err)
	}
	found.Spec.Replicas = 3
	changed, err := getter.Scales(namespace).Update(ctx, resource, found, meta.UpdateOptions{})
	if err != nil || changed.Spec.Replicas != 3 {
		return fmt.Errorf("%v, %v", changed, err)
	}
	return nil
}

func dynamicPath(kind schema.GroupVersionKind) string {
	if kind.Group == "" {
		return "/api"
	}
	return "/apis"
}

func access(ctx context.Context, all *clients) error {
	review := &authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorization.ResourceAttributes{Verb: "get", Resource: "pods"}}}
	answer, err := all.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, meta.CreateOptions{})
	if err != nil || !answer.Status.Allowed {
		return fmt.Errorf("%v, %v", answer, err)
	}
	account := &core.ServiceAccount{ObjectMeta: meta.ObjectMeta{Name: "robot"}}
	accounts := all.typed.CoreV1().ServiceAccounts(namespace)
	if _, err := accounts.Create(ctx, account, meta.CreateOptions{}); err != nil {
		return err
	}
	asked := &authentication.TokenRequest{}
	token, err := accounts.CreateToken(ctx, "robot", asked, meta.CreateOptions{})
	if err != nil {
		return err
	}
	config := rest.AnonymousClientConfig(all.config)
	config.BearerToken = token.Status.Token
	robot, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if _, err := robot.CoreV1().Secrets(namespace).List(ctx, meta.ListOptions{}); !errors.IsForbidden(err) {
		return fmt.Errorf("a robot may list secrets: %v", err)
	}
	config.BearerToken = "none"
	stranger, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if _, err := stranger.CoreV1().Secrets(namespace).List(ctx, meta.ListOptions{}); !errors.IsUnauthorized(err) {
		return fmt.Errorf("a stranger may list secrets: %v", err)
	}
	return nil
}
